// node build.mjs [FOLDER]: one self-contained ES module per exploration, and their loader, into FOLDER (else
// nnnotes/static), each with a hash of its sources in the first line, and the licences of what is inside.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const entries = ["gradcheck.js", "infogain.js", "loader.js", "momentum.js", "saturation.js"];
const folder = process.argv[2] ?? "../nnnotes/static";

const sources = readdirSync(".").filter((name) => /\.m?js$|^package.*\.json$/.test(name)).sort();
const hash = createHash("sha256");
for (const name of sources) hash.update(`${name}\0`).update(readFileSync(name));

const { metafile } = await build({
  entryPoints: entries,
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  metafile: true,
  banner: { js: `// sources ${hash.digest("hex")}; built by js/build.mjs; licences in LICENSES.txt` },
});

const inputs = Object.keys(metafile.inputs);
const packages = [...new Set(inputs.map((path) => path.match(/node_modules\/([^/]+)/)?.[1]).filter(Boolean))].sort();
const licences = packages.map((name) => {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`;
});
writeFileSync(`${folder}/LICENSES.txt`, `Inside the explorations' bundles:\n\n${licences.join("\n---\n\n")}`);
