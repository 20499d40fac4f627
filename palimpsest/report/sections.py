"""The text of the report: its sections in the order of the paper's results, titles, introductions.

    for section, names in arrange(["fig02_memory", "table2_domes", "my_own_table"]):
        print(section.title, names)          # the last, "More", holds what no section names

`palimpsest.report.page` lays these out; a table or figure without a title here shows its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from palimpsest.report.figures.layout import GENERATOR, session_label
from palimpsest.worlds import world_names


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, heading, introduction, and what it shows.

    ``shows``: names of tables and figures in order, without their endings; ``*`` in a name stands
    for anything (those come by name). ``optional``: one of them that a run may lack, and what to
    say in its place.
    """

    key: str
    title: str
    lead: str
    shows: tuple[str, ...]
    optional: tuple[str, str] | None = None


SECTIONS = (
    Section(
        "memory",
        "One layer as a memory",
        "A convolution can be read as a memory: at every place of the picture its input is a key, "
        "and its output is the value stored under that key. The figures show places that match "
        "one key, and their values rendered alone. Rewriting a rule stores another value: a person "
        "copies something, pastes it once, and marks the places that should follow.",
        ("fig02_memory", "fig03_session"),
    ),
    Section(
        "replacing",
        "Adding and replacing: Tables 1 and 2",
        "Every method gets the same copy, paste and context, and is measured on "
        "held-out images: how much of the intended change happened, and how much else changed. "
        "“Unmodified” is the generator without an edit; its row shows that the instruments see no "
        "change where there is none.",
        ("table1_smile", "table2_domes", "fig04_comparison", "realism*"),
    ),
    Section(
        "watermarks",
        "Erasing watermarks",
        "A stock's letters stand over a third of the pictures that the church generator learned "
        "from, in the middle, along the bottom or at both places, and it draws these marks too. "
        "They can be erased by silencing the units most specific to them, or by a rule whose goal "
        "is the same image without the mark: one image in the values of one layer, or (“by "
        "images”) many images as they look. The table counts the marks that are left, and how "
        "much images change outside the marks. The oracle is no method: it knows the true goal of "
        "every image, and shows whether a rank-one rule exists.",
        ("table3_watermarks", "fig05_watermarks"),
    ),
    Section(
        "reflections",
        "Inverting reflections",
        "In the kitchens the table mirrors the windows. One layer is tuned on a few pairs of "
        "images whose reflections are exchanged, so that the table becomes bright where there is "
        "no window and dark where there is one.",
        ("reflection", "fig06_reflections", "causal_rule"),
    ),
    Section(
        "units",
        "Units and classes",
        "A unit is one channel of a layer’s features; some are on where one class is seen. In one "
        "image, the units of a class can be set to zero, or to their values at that class in a "
        "chosen place. What the later layers then draw depends on the place.",
        ("figS6_units", "units"),
    ),
    Section(
        "rules",
        "More rules",
        "The same operation on other objects and other generators: added, made longer, removed. "
        "Each caption says how its pairs were chosen. Most are the samples that match the edit’s "
        "direction best, whether the edit worked on them or not, so failures are shown too.",
        (
            "fig01_rules",
            "figS11_walk",
            "fig07_hats",
            "fig08_tails",
            "fig09_windows",
            "fig10_trees",
            "fig11_earrings",
            "fig12_glasses",
            "figS1_doors",
            "figS8_glasses_off",
            "figS9_moustache_on",
        ),
    ),
    Section(
        "beyond",
        "Beyond the paper",
        "How a photograph would look under another rule is unknown. A procedural world can render "
        "its scenes under the new rule, so an edit can be compared with the picture that it should "
        "have made. Every solver also trades effect for locality; the figure shows that whole "
        "curve for several settings.",
        ("figS2_tradeoff", "tradeoff", "counterfactuals", "edits"),
    ),
    Section(
        "photographs",
        "One’s own photograph",
        "A photograph that nothing was trained on is found in the generator: first the nearest z, "
        "then a w for each layer. Neither reproduces it, so the weights above the edited layer are "
        "adapted to this photograph until they do. Every rule made before works on the adapted "
        "generator too. Renders show the same where the truth under the new rule is known.",
        ("photographs", "figS5_photographs", "renders", "figS10_renders"),
        (
            "photographs",
            "This run had no photographs, which are not part of the project: their table and "
            "figure are left out. “make photographs” fetches them; run “make figures” again then "
            "(docs/photographs.md).",
        ),
    ),
    Section(
        "trust",
        "How reliable this is",
        "Everything above rests on small generators that learned a drawn world, and on instruments "
        "that make errors. The world knows the class of every pixel, so both are graded: the "
        "generators against what they should have drawn, the instruments against known labels.",
        (
            "generator_grades",
            "figS3_generator_*",
            "instrument_grades",
            "critic_grades",
            "figS4_world_*",
        ),
    ),
    Section(
        "layers",
        "Which layer",
        "Pieces of a layer’s features, small and large, are rendered alone by the layers after it "
        "and compared with the same pieces cut from whole images. The closer they are, the less a "
        "place depends on its surroundings; the earlier the layer, the more of an object one key "
        "covers. The probe names the earliest layers where pieces are close, and the same edit "
        "made at every layer shows whether that choice was good.",
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

MORE = Section("more", "More", "Other tables and figures of this run.", ("*",))
"""Shows every table and figure that no other section names."""

CLAIMS = {
    "efficacy": (
        "A rank-one change of one layer makes the new thing appear about as often as the best of "
        "the other methods does.",
        "section 5.1, Tables 1 and 2",
    ),
    "locality": (
        "It changes the rest of the image least, or second least, of all methods that have an "
        "effect.",
        "section 5.1, Tables 1 and 2",
    ),
    "looks": (
        "Where images change, a critic finds those of no method with an effect less spoilt.",
        "this project’s; the critics are graded below",
    ),
    "fewer_marks": (
        "A rank-one rule leaves fewer watermarks of either kind than silencing 30 or 60 units.",
        "section 5.2, Table 3",
    ),
    "marks_locality": (
        "It also changes the rest of the image less than silencing units does.",
        "section 5.2, Table 3",
    ),
    "reflections": (
        "A rule that links two things can be inverted: after a low-rank change of one layer the "
        "table is darker, not brighter, where the windows are lit.",
        "section 5.3",
    ),
    "layers": (
        "Pieces of a layer’s features rendered alone show which layer to edit.",
        "Appendix H; that an edit at every layer agrees is this project’s test",
    ),
    "reversible": (
        "Rules are rewritten one after the other on one model, and each edit can be removed again: "
        "in any order, which restores the original weights bit for bit.",
        "Figure 1; bit for bit is this project’s promise",
    ),
    "reproduced": (
        "A photograph that no w gives is reproduced once the upper layers’ weights are adapted to "
        "it: the error is at most half of that of the best w.",
        "Bau’s talk, “Editing a real photo”; the bound is this project’s",
    ),
    "rule_on_photographs": (
        "A rule made on samples works on photographs: under the smile rule at least half of those "
        "that do not smile do.",
        "Bau’s talk, “Editing a real photo”; the bound is this project’s",
    ),
    "foreign": (
        "What no sample of the generator shows, a sticker on a cheek, survives the adaptation and "
        "the rule.",
        "Bau’s talk, “Editing a real photo”; the bound is this project’s",
    ),
}
"""Claims of the paper by key: the claim in our words, and its place there, in the page's order."""

TABLE_TITLES = {
    "table1_smile": (
        "Table 1. Smiles",
        "Generators of faces rewritten so that faces smile, by each method. “Smiling” is the share "
        "of faces that the smile classifier finds smiling, and beside it that share corrected for "
        "the errors that the classifier makes on held-out images; “outside” is everything but the "
        "mouth, which the edit is meant to change. Rules have rank one unless a row names another.",
    ),
    "table2_domes": (
        "Table 2. Domes replaced",
        "One rule of the church generator rewritten by every method. “Turned target” is the share "
        "of dome pixels that became a target class, the paper’s measure; “outside” is everything "
        "that was not a dome. In small print: the 95 % interval.",
    ),
    "realism": (
        "Judged by people",
        "People see an image of this method beside one of the paper’s method, and choose the more "
        "realistic one. The figure is the share of pairs in which they chose this method; at 50 % "
        "both look equally real.",
    ),
    "table3_watermarks": (
        "Table 3. Watermarks left",
        "Silencing the units most specific to the marks, compared with rank-one rules whose goal "
        "is an image without the mark: one rule for both marks, and one for each. Counts are "
        "corrected for the detectors’ known errors.",
    ),
    "reflection": (
        "Reflections inverted (section 5.3)",
        "The kitchens’ windows are switched on and off by their units, and one layer is tuned so "
        "that the table is bright where a window is off. “Echo” is the part of the table that "
        "mirrors a window; the rule is how much brighter it is with windows than without: above "
        "zero before, below zero after.",
    ),
    "causal_rule": (
        "Is the rule in the network?",
        "A rule can be inverted only if the network has it: if the reflection follows from the "
        "window’s features. In kitchens without a window these features are set at one layer: all "
        "features of another sample’s window, the units that make windows, or the units that fit "
        "windows best. “Echo” is how much of the difference between samples with and without a "
        "window then appears on the table. The rule was trained in (docs/mini-generators.md); it "
        "did not emerge.",
    ),
    "units": (
        "Units switched",
        "Units of one class set to zero, and units of another set to their values at that class, "
        "at a place where it fits and at one where it does not. “Before” and “after” are the "
        "shares of the image, or of the place, labelled as the class; “copied” is what the "
        "segmenter sees of a real one copied to the place; “carried” is measured with the pixels "
        "of the place copied over the real one. Units are chosen by IoU with the class (fit), by "
        "their effect on it (cause), or at random (chance).",
    ),
    "tradeoff": (
        "Effect against locality",
        "One rule solved with different settings: a larger or smaller weight μ on the change of "
        "other keys, more directions, more pasted examples. A setting that changes the rest less "
        "may simply do less; a better one has more effect at the same distance.",
    ),
    "counterfactuals": (
        "Edits against the world’s counterfactuals",
        "The world draws each scene under the new rule, its counterfactual; the edit’s error is "
        "the distance of the edited image to it. For comparison: the error of the unedited image, "
        "and the generator’s own error on these scenes without a new rule.",
    ),
    "photographs": (
        "Held-out photographs reproduced and edited",
        "Errors are distances to the photograph, of pixels as a root mean square where black to "
        "white is 1. “Smiling” is what the classifier says, and corrected for its known errors; "
        "“begin” and “stop” compare with the adapted picture. "
        "Outside the mouth the pictures are compared with the adapted ones. The error in the "
        "sticker says whether a thing that no sample shows survives; the photograph’s own row says "
        "what it would be without the sticker.",
    ),
    "renders": (
        "Held-out renders reproduced and edited",
        "The world draws each scene also under the new rule, so the edited reproduction has a "
        "truth to be compared with: over the whole image, and in the pixels that the rule changes.",
    ),
    "edits": (
        "Edits",
        "Every session with the edit by its own method: the loss of the goal before and after, the "
        "change of values elsewhere, seconds and size.",
    ),
    "generator_grades": (
        "The generators against their worlds",
        "A mini generator learned to draw what a procedural world renders from the same z, so the "
        "render grades the generated image. “World” is what the same instruments find in the "
        "renders, “truth” what is really in them.",
    ),
    "instrument_grades": (
        "The instruments",
        "How often each instrument errs on held-out renders: sharp ones, and blurred ones that are "
        "about as soft as generated images.",
    ),
    "critic_grades": (
        "The critics",
        "Labels do not see ghosts, smears and mud. A critic was trained on a generator’s samples "
        "under random edits to tell the cells that an edit spoilt; its drop, from the image before "
        "to the image after, stands in the tables of methods. Here it compares the world’s own "
        "counterfactual with a ghost, a blur and a collage at the same place, none of which it saw "
        "in training: how often is the counterfactual’s drop the smaller one? It often misses a "
        "collage, and best buddies copy pixels; fine-tuning changes all layers, and each edit that "
        "it learned from changes one. A small drop of these methods in Tables 1 and 2 need not "
        "mean that an eye sees no fault.",
    ),
    "layer_probe": (
        "Pieces of every layer",
        "Fréchet distance between pieces rendered from a layer’s features alone and the same "
        "pieces cut from whole images, by layer and size of piece; the interval is over seeds. The "
        "share of the pieces’ spread makes sizes comparable.",
    ),
    "layer_choice": (
        "The layers chosen",
        "For each generator the layers that the probe names, and why; and the layer at which the "
        "same edit worked best.",
    ),
    "layer_edits": (
        "The same edit at every layer",
        "One session fitted to every layer’s grid and solved in the same way. “Turned target” is "
        "the share of the source’s pixels that became a target class.",
    ),
}
"""Titles and introductions of tables, by name."""

FIGURE_TITLES = {
    "fig01_rules": "Figure 1. Rules rewritten in succession",
    "fig02_memory": "Figure 2. A layer as a memory",
    "fig03_session": "Figure 3. Copy, paste, context, result",
    "fig04_comparison": "Figure 4. The same edit by every method",
    "fig05_watermarks": "Figure 5. Watermarks erased",
    "fig06_reflections": "Figure 6. Reflections inverted",
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
    "figS5_photographs": "Figure S5. Held-out photographs, reproduced and edited",
    "figS6_units": "Figure S6. Units switched off and on",
    "figS7_training_curve_photo_faces": "Figure S7. Training on photographs",
    "figS8_glasses_off": "Figure S8. Glasses off, photographs",
    "figS9_moustache_on": "Figure S9. Moustaches on, photographs",
    "figS11_walk": "Figure S11. A walk through z, before and after an edit",
    "figS10_renders": "Figure S10. Held-out renders, reproduced and edited",
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
    """A table's title and introduction; a readable form of its name if it has none."""
    if name.startswith("realism_"):
        title, about = TABLE_TITLES["realism"]
        return f"{title}: {session_label(name.removeprefix('realism_'))}", about
    return TABLE_TITLES.get(name, (name.replace("_", " ").capitalize(), ""))


def figure_title(name: str) -> str:
    """A figure's title; a readable form of its name if it has none."""
    if name.startswith(GENERATOR):
        words = name.removeprefix(GENERATOR).replace("_", " ")
        return f"Figure S3. The {words} generator"
    return FIGURE_TITLES.get(name, name.replace("_", " "))
