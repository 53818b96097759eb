"""Who may import whom: read from the source, so that an import inside a function or for types counts as well."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "consumer"

GROUND_FLOOR = ("consumer.records", "consumer.errors", "consumer.timing")


@dataclass(frozen=True)
class Rule:
    """Modules in `who`, but those in `except_in`, never import what is in `never`, but what is in `save`.

    A name stands for the module and everything below it.
    """

    says: str
    who: tuple[str, ...]
    never: tuple[str, ...]
    except_in: tuple[str, ...] = ()
    save: tuple[str, ...] = ()


ANYTHING = "*"

GROUND = Rule(
    "the ground floor needs nothing but the standard library",
    who=GROUND_FLOOR,
    never=(ANYTHING,),
    save=tuple(sys.stdlib_module_names),
)
STAGES_APART = Rule("stages never import each other", who=("consumer.stages",), never=("consumer.stages",))
KAFKA_AT_THE_EDGES = Rule(
    "Kafka's client is used at the edges only",
    who=("consumer",),
    never=("confluent_kafka",),
    except_in=(
        *("consumer.stages.source", "consumer.acknowledged", "consumer.topics"),
        *("consumer.cli", "consumer.demo"),
    ),
)
HTTP_IN_THREE_PLACES = Rule(
    "HTTP requests are made in three places only",
    who=("consumer",),
    never=("httpx", "httpcore"),
    except_in=(
        *("consumer.pinterest.client", "consumer.pinterest.single_request", "consumer.registry_client"),
        "consumer.pinterest.connections",  # makes none, but the connections for the first two
    ),
)
EMULATOR_ALONE = Rule(
    "the emulator shares no code with what it tests",
    who=("consumer.emulator",),
    never=("consumer",),
    save=("consumer.emulator",),
)
API_AND_MAPPING_PURE = Rule(
    "what Pinterest says and how records are mapped know nothing of Kafka or the pipeline",
    who=("consumer.pinterest", "consumer.mapping"),
    never=("confluent_kafka", "consumer.stages", "consumer.pipeline"),
)
DELIVERY_PURE = Rule(
    "what the sink decides by knows values, times and the API's answers only",
    who=("consumer.delivery",),
    never=(ANYTHING,),
    save=(
        *sys.stdlib_module_names,
        *("consumer.delivery", "consumer.records", "consumer.timing", "consumer.config", "consumer.pinterest.answers"),
    ),
)
DELIVERY_FOR_THE_SINK = Rule(
    "what the sink decides by is the sink's alone",
    who=("consumer",),
    never=("consumer.delivery",),
    except_in=("consumer.stages.sink", "consumer.delivery"),
)
PIPELINE_ON_TOP = Rule(
    "only the composition root, the commands and the demo know the pipeline",
    who=("consumer",),
    never=("consumer.pipeline", "consumer.app"),
    except_in=("consumer.app", "consumer.cli", "consumer.demo"),
)
DEMO_FOR_COMMANDS = Rule(
    "only the commands know the demo and the emulator",
    who=("consumer",),
    never=("consumer.demo", "consumer.emulator"),
    except_in=("consumer.cli", "consumer.demo", "consumer.emulator"),
)
COMMANDS_ABOVE_ALL = Rule(
    "nothing knows the commands",
    who=("consumer",),
    never=("consumer.cli",),
    except_in=("consumer.cli", "consumer.__main__"),
)
RULES = (
    GROUND,
    STAGES_APART,
    KAFKA_AT_THE_EDGES,
    HTTP_IN_THREE_PLACES,
    EMULATOR_ALONE,
    API_AND_MAPPING_PURE,
    DELIVERY_PURE,
    DELIVERY_FOR_THE_SINK,
    PIPELINE_ON_TOP,
    DEMO_FOR_COMMANDS,
    COMMANDS_ABOVE_ALL,
)


def breaches(package: Path, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """One line per forbidden import below `package`: rule, importing module, imported name."""
    return [
        f"{rule.says}: {importer} imports {imported}"
        for importer, targets in imports_of(package).items()
        for imported in sorted(targets)
        for rule in rules
        if is_broken(rule, importer, imported)
    ]


def is_broken(rule: Rule, importer: str, imported: str) -> bool:
    return (
        is_within(importer, rule.who)
        and not is_within(importer, rule.except_in)
        and (ANYTHING in rule.never or is_within(imported, rule.never))
        and not is_within(imported, rule.save)
    )


def is_within(name: str, subtrees: tuple[str, ...]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in subtrees)


def imports_of(package: Path) -> Mapping[str, set[str]]:
    """Dotted module name → dotted names it imports. `from a import b` is `a.b` if that is a module, else `a`."""
    files = {module_name(package, file): file for file in sorted(package.rglob("*.py"))}
    return {
        module: set(targets(ast.parse(file.read_text(encoding="utf-8")), parent(module, file), files.keys()))
        for module, file in files.items()
    }


def module_name(package: Path, file: Path) -> str:
    return ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def parent(module: str, file: Path) -> str:
    """What a single leading dot means inside `file`."""
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


def targets(tree: ast.Module, package: str, modules: Collection[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=stem, names=names, level=level):
                if level:
                    above = package.split(".")[: len(package.split(".")) - level + 1]
                    stem = ".".join([*above, stem] if stem else above)
                for alias in names:
                    inner = f"{stem}.{alias.name}"
                    yield inner if inner in modules else str(stem)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def label(value: Rule | str) -> str:
    return value.says if isinstance(value, Rule) else value.replace("\n", " ")


def test_the_package_keeps_every_rule() -> None:
    assert breaches(PACKAGE) == []


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_a_rule_speaks_of_modules_that_exist(rule: Rule) -> None:
    modules = imports_of(PACKAGE).keys()

    unknown = [name for name in (*rule.who, *rule.never) if is_within(name, ("consumer",)) and name not in modules]

    assert unknown == []  # or a renamed module would leave its rule without anybody noticing


BREACHES = [
    (GROUND, "consumer/records.py", "import orjson"),
    (GROUND, "consumer/timing.py", "from consumer.records import Event"),
    (GROUND, "consumer/errors.py", "from . import timing"),
    (STAGES_APART, "consumer/stages/sink.py", "from consumer.stages.batcher import Batcher"),
    (STAGES_APART, "consumer/stages/sink.py", "from consumer.stages import offsets"),
    (STAGES_APART, "consumer/stages/sink.py", "from .offsets import OffsetTracker"),
    (STAGES_APART, "consumer/stages/sink.py", "from . import offsets"),
    (STAGES_APART, "consumer/stages/__init__.py", "from .offsets import OffsetTracker"),
    (KAFKA_AT_THE_EDGES, "consumer/stages/batcher.py", "from confluent_kafka import Message"),
    (KAFKA_AT_THE_EDGES, "consumer/pipeline.py", "import confluent_kafka.admin as admin"),
    (KAFKA_AT_THE_EDGES, "consumer/health.py", "def late():\n    import confluent_kafka"),
    (KAFKA_AT_THE_EDGES, "consumer/records_of_kafka.py", "if TYPE_CHECKING:\n    from confluent_kafka import Message"),
    (HTTP_IN_THREE_PLACES, "consumer/stages/sink.py", "import httpx"),
    (HTTP_IN_THREE_PLACES, "consumer/pinterest/answers.py", "from httpx import Response"),
    (HTTP_IN_THREE_PLACES, "consumer/pinterest/auth.py", "import httpx"),
    (HTTP_IN_THREE_PLACES, "consumer/pinterest/oauth.py", "import httpx"),
    (HTTP_IN_THREE_PLACES, "consumer/demo/scenario.py", "importlib.import_module('httpx')"),
    (EMULATOR_ALONE, "consumer/emulator/server.py", "from consumer.pinterest.events import MAX_EVENTS"),
    (EMULATOR_ALONE, "consumer/emulator/server.py", "from ..records import Event"),
    (EMULATOR_ALONE, "consumer/emulator/server.py", "import consumer"),
    (API_AND_MAPPING_PURE, "consumer/pinterest/answers.py", "from consumer.stages import offsets"),
    (API_AND_MAPPING_PURE, "consumer/mapping/compiler.py", "import consumer.stages.offsets"),
    (DELIVERY_PURE, "consumer/delivery/breaker.py", "import httpx"),
    (DELIVERY_PURE, "consumer/delivery/account.py", "from consumer.stages import offsets"),
    (DELIVERY_PURE, "consumer/delivery/pace.py", "from consumer.pinterest.client import ConversionsClient"),
    (DELIVERY_FOR_THE_SINK, "consumer/pipeline.py", "from consumer.delivery.account import Account"),
    (DELIVERY_FOR_THE_SINK, "consumer/stages/batcher.py", "from consumer.delivery import freshness"),
    (PIPELINE_ON_TOP, "consumer/health.py", "from consumer.pipeline import Pipeline"),
    (PIPELINE_ON_TOP, "consumer/stages/source.py", "from consumer import app"),
    (PIPELINE_ON_TOP, "consumer/pipeline.py", "from consumer.app import build"),
    (DEMO_FOR_COMMANDS, "consumer/app.py", "from consumer.demo import scenario"),
    (DEMO_FOR_COMMANDS, "consumer/pinterest/client.py", "from consumer.emulator import server"),
    (COMMANDS_ABOVE_ALL, "consumer/app.py", "from consumer.cli import main"),
]


@pytest.mark.parametrize(("rule", "path", "source"), BREACHES, ids=label)
def test_each_rule_is_broken_by_the_import_it_forbids(rule: Rule, path: str, source: str, tmp_path: Path) -> None:
    package = made_up_package(tmp_path, {path: source})

    found = breaches(package)

    assert [line for line in found if line.startswith(rule.says)] != []


def test_no_rule_goes_without_a_proof_that_it_can_fail() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(RULES)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("consumer/stages/source.py", "import confluent_kafka\nfrom consumer.records import Event"),
        ("consumer/registry_client.py", "import httpx"),
        ("consumer/cli/run.py", "from consumer.app import build"),
        ("consumer/emulator/server.py", "from consumer.emulator.faults import Faults\nimport h11"),
        ("consumer/stages/mapper.py", "from consumer.mapping import compiler"),
        ("consumer/stages/httpx_names.py", "from consumer.records import httpx"),
        ("consumer/stages_of_life.py", "from consumer.stages import offsets"),
    ],
    ids=label,
)
def test_an_import_that_no_rule_forbids_passes(path: str, source: str, tmp_path: Path) -> None:
    package = made_up_package(tmp_path, {path: source})

    assert breaches(package) == []


def made_up_package(tmp_path: Path, files: dict[str, str]) -> Path:
    """The modules that the examples speak of, empty, with `files` written over them."""
    empty = [
        *("app", "pipeline", "records", "timing", "errors"),
        *("stages/__init__", "stages/offsets", "cli/__init__", "mapping/compiler"),
        *("demo/__init__", "demo/scenario", "emulator/__init__", "emulator/server", "emulator/faults"),
    ]
    sources = {f"consumer/{name}.py": "" for name in ("__init__", *empty)} | files
    for path, source in sources.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    return tmp_path / "consumer"
