# What there is to do: which sessions, methods and figures this run has, and where their files lie.

import json
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from palimpsest.pipeline.adopted_layers import adopted_layers
from palimpsest.errors import ParameterError
from palimpsest.pipeline.parameters import parse_parameters
from palimpsest.published.catalogue import PUBLISHED_FILES
from palimpsest.worlds import get_world, world_names

LAYER_CHOICE = Path("data/layer_choice.csv")

try:
    PARAMETERS = parse_parameters(config)
    ADOPTED_LAYERS = adopted_layers(LAYER_CHOICE)
except ParameterError as problem:
    raise WorkflowError(str(problem))

REWRITING = [
    "projected_gradient",
    "direct_lambda",
    "single_context",
    "newton",
    "palimpsest",
]
TUNING = ["single_layer", "finetune_all"]
TRANSFERS = {"nbb_copy": "copy", "nbb_laplace": "laplace"}
PUBLISHED_NAMES = "|".join(map(re.escape, PUBLISHED_FILES))


def hand_drawn(model):
    """Sessions somebody drew for a model: name -> file."""
    files = sorted(Path("data/sessions", model).glob("*.json"))
    return {file.stem: file.as_posix() for file in files}


def drawn(model):
    """Sessions that are drawn from a world's labels: those listed that nobody drew by hand."""
    if PARAMETERS.models[model].segmenter is None or PARAMETERS.models[model].world is None:
        return []
    listed = PARAMETERS.sessions.get(model, {})
    return [session for session in listed if session not in hand_drawn(model)]


def fetched(model):
    """Sessions that were drawn and published by others: name -> file."""
    files = PARAMETERS.models[model].fetched_sessions
    return {name: file for name, file in files.items() if name not in hand_drawn(model)}


SESSIONS = {
    model: sorted([*drawn(model), *fetched(model), *hand_drawn(model)])
    for model in PARAMETERS.models
}
MODEL_OF = {session: model for model, names in SESSIONS.items() for session in names}


def session_file(model, session):
    return hand_drawn(model).get(session, f"results/sessions/{model}/{session}.json")


def model_layer(model):
    """The layer that a model's sessions edit unless they say another."""
    layer = PARAMETERS.models[model].layer or ADOPTED_LAYERS.get(model)
    if layer is None:
        raise WorkflowError(
            f"models.{model}.layer: null, and {LAYER_CHOICE} names none for it; write a layer, or write "
            "one for now, probe the model (layer_probe.models) and run `make adopt-layers`"
        )
    return layer


def layer_of(model, session):
    """The layer a session edits: its hand-drawn file says, or its parameters, or its model's."""
    file = hand_drawn(model).get(session)
    try:
        said = json.loads(Path(file).read_text()).get("layer") if file else None
    except (ValueError, AttributeError):
        raise WorkflowError(f"{file}: not a session file; draw it again or remove it")
    return said or PARAMETERS.session(model, session).layer or model_layer(model)


def statistics_file(model, session):
    return f"data/statistics/{model}/layer{layer_of(model, session)}.safetensors"


def edit_file(session, method=None):
    """A session's own edit, or its edit by another method."""
    model = MODEL_OF[session]
    if method is None or method == own_method(model, session):
        return f"data/edits/{model}/{session}.safetensors"
    return f"data/edits/{model}/{session}/{method}.safetensors"


def weights_file(wildcards):
    return PARAMETERS.models[wildcards.model].weights


def segmenter_file(wildcards):
    return PARAMETERS.models[wildcards.model].segmenter or []


def segmenter_of(model):
    return PARAMETERS.models[model].segmenter


def own_method(model, session):
    return PARAMETERS.session(model, session).solver


def measured():
    """Sessions with a row per method in Table 1 or 2."""
    return [
        session
        for session, model in MODEL_OF.items()
        if PARAMETERS.session(model, session).measure and segmenter_of(model)
    ]


def classifier_of(session):
    """The file of the classifier that a session is measured by; none for one measured by labels."""
    attribute = change_measured(session).attribute
    if attribute is None:
        return []
    for file in PARAMETERS.models[MODEL_OF[session]].classifiers:
        if Path(file).stem.endswith(f"-{attribute}"):
            return [file]
    raise WorkflowError(
        f"sessions.{MODEL_OF[session]}.{session}.measure: no classifier of {attribute!r} is among "
        f"the model's; name its file MODEL-{attribute}.safetensors"
    )


METHOD_TABLES = {
    "table1_smile": [s for s in measured() if PARAMETERS.session(MODEL_OF[s], s).measure.attribute],
    "table2_domes": [s for s in measured() if PARAMETERS.session(MODEL_OF[s], s).measure.targets],
}
"""Tables with a row per method, and the sessions in them."""


def judged(sessions):
    """Those sessions whose realism people have judged."""
    return [s for s in sessions if Path(f"data/studies/{s}/key.csv").is_file()]


def study_answers(session):
    """What judges sent back."""
    return sorted(file.as_posix() for file in Path(f"data/studies/{session}").glob("answers*.csv"))


def with_counterfactuals(model):
    """Sessions whose rule the model's world can render: session -> edit."""
    world = PARAMETERS.models[model].world
    known = get_world(world).counterfactuals if world and segmenter_of(model) else {}
    return {session: edit_file(session) for session in SESSIONS[model] if session in known}


def paneled():
    """Figures, and parts of figures, whose sessions are all there."""
    return [
        name
        for name, figure in PARAMETERS.figures.items()
        if segmenter_of(figure.model) and set(figure.sessions) <= set(SESSIONS[figure.model])
    ]


def pictured():
    """Figures that are drawn: all that are no part of another."""
    return [name for name in paneled() if PARAMETERS.figures[name].part_of is None]


def figure_panels(figure):
    """The panels that a figure is drawn from, in the order of the parameters."""
    if figure in measured_panels():
        return [f"results/measurements/panels/{measured_panels()[figure]}.npz"]
    parts = [name for name in paneled() if figure in (name, PARAMETERS.figures[name].part_of)]
    return [f"results/panels/{name}.npz" for name in parts or [figure]]


def measured_panels():
    """Figures whose panel a job makes while it measures, and the panel's name."""
    pieces = {figure: f"pieces_{model}" for figure, model in probe_pieces().items()}
    generators = [f"figS3_generator_{model}" for model in graded()]
    return pieces | {name: name for name in ("fig05_watermarks", "figS2_tradeoff", *generators)}


def graded():
    """Models whose world is known."""
    return [model for model, about in PARAMETERS.models.items() if about.world and about.segmenter]


def trained():
    """Mini generators that can be trained, by name, and their recipes."""
    return {
        generator: about.recipe_of(generator)
        for world, about in PARAMETERS.worlds.items()
        for generator in (world, *about.others)
    }


def ruled():
    """Models in which a rule is looked for."""
    return [model for model in PARAMETERS.grade_rule if model in graded()]


def inverted():
    """Whether the model whose reflections are turned round is one that knows its world, or one
    with a segmenter and painted scenes."""
    about = PARAMETERS.reflections
    return about.model in graded() or bool(about.painted and segmenter_of(about.model))


def inversion_files(whole):
    """The edits that invert the reflections, one for each whole layer or the one of low rank."""
    about = PARAMETERS.reflections
    names = [f"layer{layer}" for layer in about.layers] if whole else ["low_rank"]
    return [f"data/edits/{about.model}/invert_reflections/{name}.safetensors" for name in names]


def marked():
    """Whether the model whose watermarks are erased is one that has instruments to count them."""
    return PARAMETERS.watermarks.model in graded()


def watermark_edits():
    """The edits that Table 3 compares, by method."""
    about = PARAMETERS.watermarks
    names = [*(f"zero_{count}_units" for count in about.erasing.units), "rank_one", "rank_one_each"]
    return {name: f"data/edits/{about.model}/watermarks/{name}.safetensors" for name in names}


def watermark_statistics():
    about = PARAMETERS.watermarks
    return f"data/statistics/{about.model}/layer{about.layer}.safetensors"


def swept():
    """Whether the session whose trade-off is shown is there, and measured by labels."""
    about = PARAMETERS.tradeoff
    return (
        segmenter_of(about.model) is not None
        and about.session in SESSIONS[about.model]
        and about.session in METHOD_TABLES["table2_domes"]
    )


def probed():
    """Models whose layers are probed: those that have a world's segmenter to look at the pieces,
    or all where Inception looks."""
    everywhere = published_instrument("inception")
    return [name for name in PARAMETERS.layer_probe.models if everywhere or name in graded()]


def tried():
    """Models at whose layers an edit is made: one that their world draws, or one that others drew
    and whose change of labels is measured."""
    return [
        model
        for model in probed()
        if (session := PARAMETERS.layer_probe.models[model].session)
        and (model in graded() or session in measured_by_labels(model))
    ]


def drawn_by_others(model):
    """The session made at a model's layers, where its world does not draw it."""
    session = PARAMETERS.layer_probe.models[model].session
    return [] if model in graded() else session_file(model, session)


def measured_by_labels(model):
    """Sessions of a model whose pixels are counted before and after."""
    return [s for s in METHOD_TABLES["table2_domes"] if MODEL_OF[s] == model]


def probe_curves():
    """Figures of the probe's curves, and the models in each."""
    found = {}
    for model in probed():
        found.setdefault(PARAMETERS.layer_probe.models[model].curves, []).append(model)
    return found


def probe_pieces():
    """Figures of pieces, and the model whose pieces they show."""
    return {PARAMETERS.layer_probe.models[model].pieces: model for model in probed()}


def instruments(kind):
    """The files of all instruments of a kind, `segmenter` or `classifiers`, each once: those that
    a world has graded."""
    files = []
    for about in (PARAMETERS.models[model] for model in graded()):
        held = getattr(about, kind) or []
        files += [held] if isinstance(held, str) else held
    return sorted(set(files))


def change_measured(session):
    """What a session is measured by: classes and what their pixels should become, or an attribute."""
    return PARAMETERS.session(MODEL_OF[session], session).measure


def measured_edits(session):
    """The files that a session is measured with: method -> file, in the order of Table 2."""
    methods = type(PARAMETERS.methods).model_fields
    return {method: edit_file(session, method) for method in methods}


def figure_edits(figure):
    """The edits a figure shows, by the name its panel knows them by."""
    about = PARAMETERS.figures[figure]
    if not about.methods:
        return {session: edit_file(session) for session in about.sessions}
    return {
        f"{session}/{method}": edit_file(session, method)
        for session in about.sessions
        for method in about.methods
        if method not in TRANSFERS
    }


def figure_sessions(figure):
    about = PARAMETERS.figures[figure]
    return {session: session_file(about.model, session) for session in about.sessions}


def figure_statistics(figure):
    """The statistics of the layer that a figure's first session edits."""
    about = PARAMETERS.figures[figure]
    return statistics_file(about.model, about.sessions[0])


def published_instrument(name):
    """The file of a published network, and none where the segmenter's encoder stands in."""
    return getattr(PARAMETERS.instruments, name) or []


WEIGHTS = sorted(
    {
        file
        for model in PARAMETERS.models.values()
        for file in (
            model.weights,
            model.segmenter,
            *model.classifiers,
            *model.fetched_sessions.values(),
        )
        if file
    }
    | {file for _, file in PARAMETERS.instruments if file}
    | ({PARAMETERS.reflections.painted} if PARAMETERS.reflections.painted else set())
)
STATISTICS = sorted(
    {statistics_file(model, session) for session, model in MODEL_OF.items()}
    | {
        f"data/statistics/{model}/layer{model_layer(model)}.safetensors"
        for model in PARAMETERS.models
    }
    | ({watermark_statistics()} if marked() else set())
)
EDITS = [edit_file(session) for session in MODEL_OF]
EDITS_BY_METHOD = sorted(
    set(inversion_files(whole=True) + inversion_files(whole=False) if inverted() else [])
    | set(watermark_edits().values() if marked() else [])
    | {file for session in measured() for file in measured_edits(session).values()}
    | {file for figure in paneled() for file in figure_edits(figure).values()} - set(EDITS)
)
TABLES = [
    *(f"results/tables/{table}.csv" for table, sessions in METHOD_TABLES.items() if sessions),
    *(f"results/tables/realism_{session}.csv" for session in judged(measured())),
    *(
        ["results/tables/counterfactuals.csv"]
        if any(map(with_counterfactuals, PARAMETERS.counterfactuals.models))
        else []
    ),
    *(["results/tables/edits.csv"] if EDITS else []),
    *(["results/tables/generator_grades.csv"] if graded() else []),
    *(["results/tables/table3_watermarks.csv"] if marked() else []),
    *(["results/tables/causal_rule.csv"] if ruled() else []),
    *(["results/tables/reflection.csv"] if inverted() else []),
    *(["results/tables/tradeoff.csv"] if swept() else []),
    *(f"results/tables/layer_{table}.csv" for table in ("probe", "choice", "edits") if probed()),
    *(["results/tables/instrument_grades.csv"] if instruments("segmenter") else []),
]
FIGURES = [
    f"results/figures/{figure}.png"
    for figure in sorted(
        [
            *pictured(),
            *(["fig05_watermarks"] if marked() else []),
            *(["fig06_reflections"] if inverted() else []),
            *(["figS2_tradeoff"] if swept() else []),
            *probe_curves(),
            *probe_pieces(),
            *(f"figS3_generator_{model}" for model in graded()),
        ]
    )
]
WORLD_SHEETS = [f"results/figures/figS4_world_{world}.png" for world in world_names()]
METRICS = ["results/metrics.json"] if TABLES else []
REPORT = ["results/report.html"] if TABLES else []


wildcard_constraints:
    model="|".join(PARAMETERS.models),
    session="[A-Za-z0-9_-]+",
    layer="[0-9]+",
    figure="[A-Za-z0-9_]+",
    world="|".join(world_names()),
