# How rules write what their stages are told on the command line: only the parameters they read, and
# the same text for the same values, since Snakemake runs a job again when its text changes.

import json
import shlex


def as_json(section, **more):
    """Parameters as the text of one option; the same values give the same text."""
    return json.dumps(section.model_dump() | more, sort_keys=True)


def options(section):
    """Parameters as the options of a stage: `--scenes 6000 --seed 1`."""
    return " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in section.model_dump().items()
    )


def repeated(option, values):
    """A repeated option: `--layer 5 --layer 6`."""
    return " ".join(f"{option} {value}" for value in values)


def named(option, files):
    """A repeated option that gives each file its name: `--edit newton=path --edit ...`."""
    return " ".join(f"{option} {name}={file}" for name, file in files.items())


def segmenter_option(model):
    """The option of a stage that does without a segmenter where there is none."""
    return f"--segmenter {segmenter_of(model)}" if segmenter_of(model) else ""


def world_of(model):
    """The option of a stage that asks the world, where one is known."""
    return f"--world {PARAMETERS.models[model].world}" if PARAMETERS.models[model].world else ""


def named_layers(model):
    """The option for every session that a job draws: `--session NAME@LAYER --session ...`.

    Read off the job's output: that a session is drawn by hand makes no job run again.
    """

    def sessions(wildcards, output):
        names = [Path(file).stem for file in output]
        return " ".join(f"--session {name}@{layer_of(model, name)}" for name in names)

    return sessions


def targets_option(session):
    """The option for the classes that pixels may become, where labels are counted."""
    targets = change_measured(session).targets
    return f"--target-classes {','.join(targets)}" if targets else ""


def solver_settings(model, session, method):
    """What one method reads of the parameters, and nothing else."""
    solve = PARAMETERS.session(model, session)
    more = {"rank": solve.rank}
    if method == "newton":
        more |= {"mu": solve.mu, "exemplars": solve.exemplars}
    if method == "palimpsest" and solve.measure and solve.measure.targets:
        more |= solve.measure.model_dump(include={"source", "targets"})
    return as_json(getattr(PARAMETERS.methods, method), **more)


def looking_option(input):
    """What looks at pieces: Inception where it is there, else the model's segmenter."""
    return f"--inception {input.inception}" if input.inception else f"--segmenter {input.segmenter}"


def session_at_layers(model, input):
    """The options for a session that others drew, which is made at every layer as it is."""
    if not input.drawn:
        return ""
    session = PARAMETERS.layer_probe.models[model].session
    source, targets = ",".join(change_measured(session).source), targets_option(session)
    return f"--drawn {input.drawn} --source-classes {source} {targets}"


def instrument_options(input, *names):
    """The options for those published networks that there are: `--alexnet FILE ...`."""
    return " ".join(f"--{name} {input[name]}" for name in names if published_instrument(name))


def figure_transfers(figure):
    """The options for the best buddies that a figure shows."""
    shown = [TRANSFERS[name] for name in PARAMETERS.figures[figure].methods if name in TRANSFERS]
    if not shown:
        return ""
    settings = shlex.quote(as_json(PARAMETERS.best_buddies))
    return " ".join(f"--transfer {blend}" for blend in shown) + f" --transfer-options {settings}"


def panel_settings(figure):
    about = PARAMETERS.figures[figure]
    return as_json(PARAMETERS.panels, pairs=about.pairs)


def painted_scenes():
    """The file of painted scenes, where the reflections are turned round in such."""
    return PARAMETERS.reflections.painted or []


def painted_option():
    """The option that names it, in a list. It is put behind another option's value: so it leaves no
    trace in the commands, and reruns nothing, where a world is known."""
    return [f"--painted {painted_scenes()}"] if painted_scenes() else []


def inversion_settings():
    """How the reflections are turned round, and, where they are painted, how they are switched."""
    about = PARAMETERS.reflections
    return as_json(about.inversion, **(about.painted_switch.model_dump() if about.painted else {}))
