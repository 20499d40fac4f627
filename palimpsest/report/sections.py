"""The report's order and its words: sections as the paper has its results, titles and leads.

    for section, names in arrange(["fig02_memory", "table2_domes", "my_own_table"]):
        print(section.title, names)          # the last, "More", holds what no section names

Nothing but data and the function that reads it: `palimpsest.report.page` shows what is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from palimpsest.report.figures.layout import GENERATOR, session_label
from palimpsest.worlds import world_names


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, heading, two or three sentences, and what it shows.

    ``shows``: names of tables and figures in order, without their endings; ``*`` in a name stands
    for anything (those come by name).
    """

    key: str
    title: str
    lead: str
    shows: tuple[str, ...]


SECTIONS = (
    Section(
        "memory",
        "One layer as a memory",
        "A convolution can be read as a memory. At every place of the picture its input is a key, "
        "and what it puts out is the value kept under that key: here are the places that share "
        "one key, and their values drawn alone. To rewrite a rule is to store another value: "
        "something is copied, pasted once, and the places are marked that shall follow.",
        ("fig02_memory", "fig03_session"),
    ),
    Section(
        "replacing",
        "Adding, replacing: Tables 1 and 2",
        "Every method gets the same copy, paste and context, and then has to make the change in "
        "images that it never saw. Two things count: how much of what should change did, and how "
        "little of the rest. “Unmodified” is the generator as it was, and shows that the "
        "instruments see no change where there is none.",
        ("table1_smile", "table2_domes", "fig04_comparison", "realism*"),
    ),
    Section(
        "watermarks",
        "Erasing watermarks",
        "Some of the pictures that the church generator learned from bore a word in the middle or "
        "a strip at the bottom, and it learned these too. They can be erased by silencing the "
        "units most specific to them, or by a rule whose goal is the same image without the mark. "
        "Counted is what is left, and how far images move that bore no mark at all.",
        ("table3_watermarks", "fig05_watermarks"),
    ),
    Section(
        "reflections",
        "Turning reflections round",
        "In the kitchens the table mirrors the windows. One layer is tuned on a few pairs of "
        "images in which the echoes are exchanged, so that the table shall be bright where there "
        "is no window and dark where there is one.",
        ("reflection", "fig06_reflections", "causal_rule"),
    ),
    Section(
        "rules",
        "More rules",
        "The same operation on other things and other generators: added, made longer, taken away. "
        "Each caption says how the pairs were found. Most are the samples that match the edit’s "
        "direction best, whatever became of them, so what fails is here as well.",
        (
            "fig01_rules",
            "fig07_hats",
            "fig08_tails",
            "fig09_windows",
            "fig10_trees",
            "fig11_earrings",
            "fig12_glasses",
            "figS1_doors",
        ),
    ),
    Section(
        "beyond",
        "Beyond the paper",
        "Of a photograph nobody knows how it would look under another rule. A procedural world "
        "does know, so an edit can be compared with the picture that it should have made. A "
        "solver also has a dial between effect and locality, and settings compare fairly only "
        "along the whole of it.",
        ("figS2_tradeoff", "tradeoff", "counterfactuals", "edits"),
    ),
    Section(
        "trust",
        "How far to trust it",
        "Everything above rests on small generators that learned a drawn world, and on "
        "instruments that err. The world knows the truth, so both are graded here: what the "
        "generators draw beside what they should have drawn, and what the instruments say of "
        "pictures whose every pixel is known.",
        ("generator_grades", "figS3_generator_*", "instrument_grades", "figS4_world_*"),
    ),
    Section(
        "layers",
        "Which layer",
        "Pieces of a layer’s features, small and large, are drawn alone by the layers after it "
        "and compared with pieces of the same size cut from whole images. The closer they come, "
        "the more a place holds of its own picture; the earlier the layer, the more of a thing one "
        "key holds. The probe names the layers where both are so, and the same edit made at every "
        "layer shows whether the advice was good.",
        (
            "layer_probe",
            "layer_choice",
            "layer_edits",
            "fig13_*",
            "fig14_*",
            "fig15_*",
            "fig16_*",
            "fig17_*",
            "fig18_*",
        ),
    ),
)
"""In the order of the page."""

MORE = Section("more", "More", "What else this run made.", ("*",))
"""Where everything goes that no other section names, so that nothing is lost."""

CLAIMS = {
    "efficacy": (
        "A rank-one change of one layer makes the new thing appear about as often as the best of "
        "the other methods does.",
        "section 5.1, Tables 1 and 2",
    ),
    "locality": (
        "It leaves the rest of the image alone: it moves it least, or second least, of all methods "
        "that have an effect.",
        "section 5.1, Tables 1 and 2",
    ),
    "fewer_marks": (
        "A rank-one rule leaves fewer watermarks of either kind than silencing 30 or 60 units.",
        "section 5.2, Table 3",
    ),
    "marks_locality": (
        "It also moves images less than silencing units does, where they bore no mark.",
        "section 5.2, Table 3",
    ),
    "reflections": (
        "A rule about two things can be turned round: after a low-rank change of one layer the "
        "table is darker, not brighter, where the windows are lit.",
        "section 5.3",
    ),
    "layers": (
        "Pieces of a layer’s features rendered alone tell which layer to edit.",
        "Appendix H; that an edit at every layer agrees is this project’s test",
    ),
    "reversible": (
        "Rules are rewritten one after the other on one model, and each edit stays apart from it: "
        "taken off in any order, the weights are the old ones bit for bit.",
        "Figure 1; bit for bit is this project’s promise",
    ),
}
"""What the paper claims, by key: in our words, and where it does. In the order of the page."""

TABLE_TITLES = {
    "table1_smile": (
        "Table 1. Smiles",
        "The face generator rewritten so that faces smile, by every method. “Smiling” is the share "
        "of faces that the smile classifier sees smile; “outside” leaves out what the edit is "
        "meant to change.",
    ),
    "table2_domes": (
        "Table 2. What became of the domes",
        "One rule of the church generator rewritten by every method. “Turned target” is the share "
        "of dome pixels that became a target class, the paper’s measure; “outside” is everything "
        "that was no dome. In small print: the 95 % interval.",
    ),
    "realism": (
        "Judged by people",
        "Of two images, which is the real one? The share of pairs in which people took the edited "
        "image for it; at 50 % they cannot tell.",
    ),
    "table3_watermarks": (
        "Table 3. Watermarks left",
        "Units silenced that are most specific to the marks, against rank-one rules whose goal is "
        "an erased mark: one rule for both marks, and one for each. Counts are corrected for the "
        "detectors’ known errors.",
    ),
    "reflection": (
        "Reflections turned round (section 5.3)",
        "In the kitchens the windows are switched on and off by their units, and one layer is "
        "tuned until the table mirrors the windows that are not there. The rule is how much "
        "brighter the echo is with windows than without: above zero before, below zero after.",
    ),
    "causal_rule": (
        "Is the rule in the network?",
        "A rule can be turned round only if there is one: if the reflection follows from the "
        "window inside the network. In kitchens without a window its features are put in, at one "
        "layer, and the table is watched: all features of another sample spliced in, the units "
        "that make windows set by hand, or those that merely fit windows best. “Echo” is the share "
        "of the natural gap, between samples with the window and without. The rule was trained in "
        "(docs/mini-generators.md); it did not emerge.",
    ),
    "tradeoff": (
        "Effect against locality",
        "One rule solved again and again: with a larger or smaller weight μ on leaving other keys "
        "alone, with more directions, and from more pasted examples. What moves the rest less may "
        "simply do less; a better setting does more at the same distance.",
    ),
    "counterfactuals": (
        "Edits against the world’s counterfactuals",
        "The world draws each scene under the new rule; the distance of the edited image to that "
        "picture is the edit’s error. Beside it stand the error of the unedited image, which is "
        "what doing nothing costs, and that of the generator on these scenes without a new rule.",
    ),
    "edits": (
        "Edits",
        "Every session with the edit that its own solver made: the goal’s loss before and after, "
        "the change on keys it was not meant for, and what it cost.",
    ),
    "generator_grades": (
        "The generators against their worlds",
        "A mini generator learned to draw what a procedural renderer draws; since the renderer "
        "knows the truth, it can grade the generator. “World” is what the same instruments say of "
        "the renders of the same z, “truth” what is really in them.",
    ),
    "instrument_grades": (
        "The instruments",
        "How far the figures on this page may be trusted: each instrument on held-out renders, "
        "sharp ones, and blurred ones that are about as soft as generated images.",
    ),
    "layer_probe": (
        "Pieces of every layer",
        "Fréchet distance between pieces drawn from a layer’s features alone and the same pieces "
        "cut from whole images, by layer and size of piece; the interval is over seeds. As a share "
        "of the spread of such pieces, sizes can be compared.",
    ),
    "layer_choice": (
        "The layers chosen",
        "For each generator the layers that the probe speaks for, and why; and which layer did "
        "best when the same edit was made at each of them.",
    ),
    "layer_edits": (
        "The same edit at every layer",
        "One drawing fitted to every layer’s grid and solved in the same way. “Turned target” is "
        "the share of the source’s pixels that became a target class.",
    ),
}
"""By name of the table: its title, and what the reader needs to know to read it."""

FIGURE_TITLES = {
    "fig01_rules": "Figure 1. Rules rewritten in succession",
    "fig02_memory": "Figure 2. A layer as a memory",
    "fig03_session": "Figure 3. Copy, paste, context, result",
    "fig04_comparison": "Figure 4. The same edit by every method",
    "fig05_watermarks": "Figure 5. Watermarks erased",
    "fig06_reflections": "Figure 6. Reflections turned round",
    "fig07_hats": "Figure 7. Hats on horses",
    "fig08_tails": "Figure 8. Long tails",
    "fig09_windows": "Figure 9. Windows removed",
    "fig10_trees": "Figure 10. Trees removed",
    "fig11_earrings": "Figure 11. Earrings removed",
    "fig12_glasses": "Figure 12. Glasses removed",
    "fig13_probe_stylegan2": "Figure 13. Layers of the StyleGAN2 probed",
    "fig14_patches_church": "Figure 14. Pieces of the church, layer by layer",
    "fig15_patches_kitchen": "Figure 15. Pieces of the kitchen, layer by layer",
    "fig16_probe_progressive": "Figure 16. Layers of the Progressive GAN probed",
    "fig17_patches_church_progressive": "Figure 17. Pieces of a Progressive GAN’s church",
    "fig18_patches_kitchen_progressive": "Figure 18. Pieces of a Progressive GAN’s kitchen",
    "figS1_doors": "Figure S1. A door in the sky",
    "figS2_tradeoff": "Figure S2. Effect against locality",
    **{f"figS4_world_{name}": f"Figure S4. The {name} world" for name in world_names()},
}


def arrange(names: Iterable[str]) -> list[tuple[Section, list[str]]]:
    """Sections with what they show of ``names``, in the order of the page; none is empty.

    Every name is in one section, once; what no section names is in `MORE`, in the given order.
    """
    left = list(dict.fromkeys(names))
    found = []
    for section in (*SECTIONS, MORE):
        shown: list[str] = []
        for pattern in section.shows:
            fitting = [name for name in left if fnmatchcase(name, pattern)]
            shown += fitting if section is MORE else sorted(fitting)
            left = [name for name in left if name not in fitting]
        if shown:
            found.append((section, shown))
    return found


def table_title(name: str) -> tuple[str, str]:
    """A table's title and what to know about it; its name, readable, where it has none."""
    if name.startswith("realism_"):
        title, about = TABLE_TITLES["realism"]
        return f"{title}: {session_label(name.removeprefix('realism_'))}", about
    return TABLE_TITLES.get(name, (name.replace("_", " ").capitalize(), ""))


def figure_title(name: str) -> str:
    """A figure's title; its name, readable, where it has none."""
    if name.startswith(GENERATOR):
        words = name.removeprefix(GENERATOR).replace("_", " ")
        return f"Figure S3. The {words} generator"
    return FIGURE_TITLES.get(name, name.replace("_", " "))
