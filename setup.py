"""Builds the package from settings.ini: edit it there, not here."""
import configparser
from pathlib import Path

from setuptools import find_packages, setup

parser = configparser.ConfigParser(delimiters=["="])
parser.read("settings.ini", encoding="utf-8")
config = parser["DEFAULT"]
extras = ("notebooks", "peers", "dev")

setup(
    name=config["lib_name"],
    version=config["version"],
    description=config["description"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=config["author"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=config["keywords"].split(),
    python_requires=f">={config['min_python']}",
    packages=find_packages(include=["nnnotes", "nnnotes.*"]),
    package_data={"nnnotes": config["package_data"].split()},
    install_requires=config["requirements"].split(),
    extras_require={extra: config[f"{extra}_requirements"].split() for extra in extras},
    classifiers=["Programming Language :: Python :: 3", "Typing :: Typed"],
    entry_points={"nbdev": ["nnnotes=nnnotes._modidx:d"]},
)
