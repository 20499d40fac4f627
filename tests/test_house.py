"""The rules of the house, as far as a machine can check them."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LIBRARY = sorted((ROOT / "palimpsest").rglob("*.py"))
STAGES = sorted(file for file in (ROOT / "stages").glob("*.py") if file.stem != "__init__")
TESTS = sorted((ROOT / "tests").rglob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
PYTHON = [*LIBRARY, *STAGES, *TESTS]


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def imported_modules(file: Path) -> set[str]:
    """Modules that a file imports anywhere but under TYPE_CHECKING, `from package import module`
    among them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def pins() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_environment_yml_and_requirements_txt_are_in_step() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert dependencies[:2] == ["python=3.11", "pip"]
    assert dependencies[2]["pip"] == pins()


def test_every_requirement_is_pinned_and_from_nowhere_in_particular() -> None:
    for line in pins():
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line), line


def test_every_direct_requirement_is_in_the_lock() -> None:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    wanted = {re.split(r"[\[<>=]", x)[0] for x in lines if x and not x.startswith("#")}
    assert wanted <= {line.split("==")[0] for line in pins()}


DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "torch_fidelity": "torch-fidelity",
    "yaml": "pyyaml",
}
"""Names of packages on the registry, where the imported module has another."""


def test_the_library_depends_on_what_it_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *itertools.chain(*extras)]
    declared = {re.split(r"[\[<>=]", name)[0] for name in wanted}
    found = {name.split(".")[0] for file in LIBRARY for name in imports(file)}
    found -= {"", "palimpsest", *sys.stdlib_module_names}
    assert {DISTRIBUTIONS.get(name, name) for name in found} == declared
    direct = {
        re.split(r"[\[<>=]", line)[0]
        for line in (ROOT / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert declared <= direct


def test_an_installed_copy_has_every_file_of_the_library() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = tools["package-data"]["palimpsest"]
    packed = {file for one in patterns for file in (ROOT / "palimpsest").glob(one)}
    for file in (ROOT / "palimpsest").rglob("*"):
        if file.is_file() and file.suffix not in (".py", ".pyc"):
            assert file in packed, name_of(file)


def test_this_environment_is_the_lock() -> None:
    from importlib.metadata import version

    for package in ("torch", "torchvision", "numpy", "snakemake", "dvc", "pydantic", "pooch"):
        assert f"{package}=={version(package)}" in [line.split(" ;")[0] for line in pins()]


@pytest.mark.parametrize("file", PYTHON, ids=name_of)
def test_no_room_for_odds_and_ends(file: Path) -> None:
    assert file.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}
    assert len(file.read_text().splitlines()) <= 420, "two rooms: split it"


@pytest.mark.parametrize("file", TESTS, ids=name_of)
def test_tests_of_stages_lie_in_one_folder(file: Path) -> None:
    """Other tests run the library alone, or the whole pipeline (pipeline, cluster, faults)."""
    folder = file.relative_to(ROOT / "tests").parts[0]
    if folder not in {"stages", "pipeline", "cluster", "faults"}:
        assert not any(name.split(".")[0] == "stages" for name in imports(file))


def test_tests_mirror_the_library() -> None:
    """A folder of tests is named as the package that it tests, but for a few that hold no package
    to account: stages, whole runs, stand-ins and files of the original code."""
    own = {"stages", "devices", "cluster", "faults", "doubles", "golden", "__pycache__"}
    folders = {file.relative_to(ROOT / "tests").parent for file in TESTS}
    for folder in folders - {Path(".")}:
        assert folder.parts[0] in own or (ROOT / "palimpsest" / folder).is_dir(), folder


@pytest.mark.parametrize("file", [*LIBRARY, *STAGES], ids=name_of)
def test_modules_say_what_they_are(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text())) or not file.read_text().strip()


ORDER = (
    "errors",
    "settings",
    "lists_in_words",
    "sample_blocks",
    "files",
    "estimates",
    "generators",
    "memory",
    "worlds",
    "training",
    "instruments",
    "photographs",
    "dissection",
    "sessions",
    "drawing",
    "methods",
    "experiments",
    "report",
    "published",
    "editor",
    "pipeline",
    "commands",
    "cli",
    "__main__",
)
"""Packages of the library; each imports only itself and those before it."""


@pytest.mark.parametrize("file", LIBRARY, ids=name_of)
def test_imports_run_down_the_list_only(file: Path) -> None:
    package = file.relative_to(ROOT / "palimpsest").with_suffix("").parts[0]
    if package == "__init__":
        return
    below = set(ORDER[: ORDER.index(package) + 1])
    for imported in imported_modules(file) - {"palimpsest", "palimpsest.__version__"}:
        first, *rest = imported.split(".")
        assert first not in {"stages", "workflow", "snakemake", "dvc"}, imported
        assert first != "palimpsest" or rest[0] in below, imported


def test_modules_import_in_no_circle() -> None:
    graph = {}
    for file in LIBRARY:
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[module] = imported_modules(file)
    graph = {module: found & graph.keys() - {module} for module, found in graph.items()}
    while leaves := [module for module, found in graph.items() if not found]:
        graph = {m: found - set(leaves) for m, found in graph.items() if m not in leaves}
    assert not graph, sorted(graph)


BELOW_PIPELINE = [file for file in LIBRARY if "pipeline" not in file.parts]


@pytest.mark.parametrize("file", BELOW_PIPELINE, ids=name_of)
def test_the_library_reads_no_parameters_and_knows_no_path(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            for value in [*node.args, *[keyword.value for keyword in node.keywords]]:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    assert not re.match(r"(params\.yaml|data/|results/)", value.value), value.value


@pytest.mark.parametrize("file", STAGES, ids=name_of)
def test_a_stage_is_thin_and_imports_no_other(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 120
    assert not any(name.split(".")[0] == "stages" for name in imports(file))
    assert 'if __name__ == "__main__":\n    run(main)\n' in file.read_text()


RULE_A_MODEL = (
    r"^ {8}rule:\n {12}name:\n {16}f\"(\w+)_\{model\}\"\n"
    r"((?: {12}.*\n|\n)+)"
)
"""A rule made in a loop, once for each model."""


def rules() -> dict[str, str]:
    found = {}
    for file in RULES:
        text = file.read_text()
        for match in re.finditer(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE):
            found[match.group(1)] = match.group(2)
        for match in re.finditer(RULE_A_MODEL, text, re.MULTILINE):
            found[match.group(1)] = textwrap.indent(textwrap.dedent(match.group(2)), "    ")
    return found


def test_every_rule_is_a_stage_and_has_the_whole_equipment() -> None:
    assert len(rules()) >= 12
    for name, body in rules().items():
        assert (ROOT / "stages" / f"{name}.py").is_file(), name
        assert f"python -m stages.{name} " in body, name
        for part in ("log", "benchmark", "message", "threads", "resources", "shell"):
            assert re.search(rf"^    {part}:", body, re.MULTILINE), f"{name} has no {part}:"
        for resource in ("mem_mb", "runtime", "gpu"):
            assert f"{resource}=" in body, f"{name} asks for no {resource}"
        assert f'"logs/{name}' in body and f'"logs/benchmarks/{name}' in body, name


@pytest.mark.parametrize("file", RULES, ids=name_of)
def test_rules_are_declared_and_the_plan_decides(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"^\s*def ", text, re.MULTILINE), "put functions into palimpsest.pipeline"


def test_a_stage_that_can_compute_elsewhere_is_told_where() -> None:
    able = {file.stem for file in STAGES if "device: Device" in file.read_text()}
    assert len(able) == 23
    for name, body in rules().items():
        told = " --device {resources.device} > {log}" in " ".join(body.split()).replace('" "', "")
        asks = "gpu=PARAMETERS.compute.gpus" in body
        assert told == asks == (name in able), name
        assert asks == ("device=PARAMETERS.compute.device" in body), name


def test_every_atomic_write_goes_through_one_place() -> None:
    own = ROOT / "palimpsest" / "files" / "atomic.py"
    for file in [*LIBRARY, *STAGES]:
        if file != own:
            assert not re.search(r"os\.rename|tempfile\.mkstemp", file.read_text()), name_of(file)


def test_array_files_are_written_and_read_in_one_place() -> None:
    """Or a kind of file would be without its checksum."""
    tensors, zipped = (ROOT / "palimpsest/files" / f"{one}arrays.py" for one in ("", "zipped_"))
    of_numpy = (
        r"\bnp\.(save|load|savez|savez_compressed|savetxt|memmap)\(|\.tofile\(|np\.fromfile\("
    )
    for file in [*LIBRARY, *STAGES]:
        modules = imported_modules(file)
        if file != tensors:
            assert not any(one.split(".")[0] == "safetensors" for one in modules), name_of(file)
        if file != zipped:
            assert not re.search(of_numpy, file.read_text()), name_of(file)


def test_torch_loads_never_run_code() -> None:
    for file in [*LIBRARY, *STAGES]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("weights_only") == "True", f"{name_of(file)}:{node.lineno}"


def test_snakemakes_own_linter_is_content() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."]],
    ids=" ".join,
)
def test_ruff_is_content(command: list[str]) -> None:
    tool = Path(sys.executable).parent / command[0]
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefmt_is_content() -> None:
    tool = Path(sys.executable).parent / "snakefmt"
    done = subprocess.run(
        [tool, "--check", "Snakefile", "workflow"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_weights_stay_small_enough_to_be_cloned() -> None:
    sizes = [file.stat().st_size for file in (ROOT / "data/weights/mini").iterdir()]
    assert max(sizes) <= 12_000_000 and sum(sizes) <= 40_000_000
