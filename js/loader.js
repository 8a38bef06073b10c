// What anywidget loads for each model. A browser keeps every module until the page closes, so the exploration's code and
// the formulas are not in here: they are text in traits, imported once for the page, however many models there are.
const page = (globalThis[Symbol.for("nnnotes")] ??= new Map());

function once(text) {
  if (!page.has(text)) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    page.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return page.get(text);
}

export default () => {
  let shared; // by all views of this model
  return {
    initialize({ model }) {
      const code = Promise.all(["_code", "_formulas"].map((name) => once(model.get(name))));
      shared = code.then(([{ default: exploration }, formulas]) => exploration(model, formulas));
      return () => shared.then(({ end }) => end());
    },
    async render({ el }) {
      return (await shared).show(el);
    },
  };
};
