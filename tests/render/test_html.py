"""The HTML of a page: safe, self-contained, readable without its style, and small."""

import re
from html.parser import HTMLParser

import pytest

from nbdebug.findings import ERROR, Finding
from nbdebug.page import Note, Page
from nbdebug.render import html, png, svg
from nbdebug.render.html_panels import body
from nbdebug.render.theme import DARK, LIGHT
from tests.render import sample_pages as pages

VOID = {"img", "meta", "path", "wbr"}  # elements without an end
EVERY_PAGE = {**pages.ALL, "deep": pages.deep_page(50)}


class Outline(HTMLParser):
    """Words, attributes and the nesting of a page, as a browser sees them."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.words = [], [], [], ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.words += " " if tag in ("td", "th") else ""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.words += data


@pytest.fixture(params=EVERY_PAGE, scope="module")
def source(request):
    return html.document(EVERY_PAGE[request.param])


def test_every_element_is_closed_where_it_was_opened(source):
    assert Outline(source).open == []


def test_there_is_no_script_and_nothing_is_loaded_from_elsewhere(source):
    page = Outline(source)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & set(page.tags)
    assert "<script" not in source.lower()
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "href"]
    assert all(value.startswith("data:image/png;base64,") for name, value in page.attributes if name == "src")
    assert not re.search(r"url\(|@import|https?:", source)


def test_every_attribute_is_quoted(source):
    for tag in re.findall(r"<[a-z][^>]*>", re.sub(r"<style>.*?</style>", "", source, flags=re.S)):
        assert not re.search(r"=(?!\")", re.sub(r'"[^"]*"', '""', tag)), tag


def test_every_rule_is_scoped_to_the_report():
    css = re.search(r"<style>(.*?)</style>", html.render(pages.RICH), re.S)[1]
    selectors = [
        s for rule in re.findall(r"([^{}]+)\{[^{}]*\}", css) for s in re.split(r",(?![^()]*\))", rule)
    ]
    assert len(selectors) > 50
    assert all(".nbd" in selector for selector in selectors)


def test_hostile_names_arrive_as_they_were_written():
    words = Outline(html.render(pages.RICH)).words
    assert pages.HOSTILE in words
    assert pages.PASTE.text in words


def test_without_style_and_drawings_the_page_still_says_everything_in_order():
    words = " ".join(Outline(html.render(pages.RICH)).words.split())
    steps = [
        "Checkup", "2 errors · 2 warnings · 1 note · 17 checked and sound · 3 not checked",
        "error ND401 Softmax before a loss", "Cell In[7], line 12 · head.4", "Try: return the logits",
        "explains: ND701 cannot overfit", "evidence", "Checked and sound", "Not checked, because",
        "No val_loader was given: ND105 split overlap, ND106 preparation mismatch",
        "Data", "Code", "Numbers", "Optimisation", "1 sample 2.31", "Your session was left as it was",
    ]  # fmt: skip
    places = [words.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_a_sound_page_is_a_calm_good_result_in_words():
    source = html.render(pages.CALM)
    assert "✓ Nothing found: 21 checks sound" in source
    assert "<article" not in source
    assert 'role="alert"' not in source


def test_what_was_not_checked_is_never_called_sound():
    assert "✓ Nothing" not in html.render(pages.UNJUDGED)
    assert "✓ Nothing" not in html.render(pages.EMPTY)
    assert "Nothing could be judged: 3 checks not run" in html.render(pages.UNJUDGED)


def test_a_changed_session_is_an_alarm():
    source = html.render(pages.CHANGED)
    assert 'role="alert"' in source
    assert "<code>net.1.running_mean</code> is not what it was" in source
    assert "✓ Nothing" not in source


def test_fifty_layers_stay_under_300_kilobytes():
    size = len(html.render(pages.deep_page(50)).encode())
    print(f"50 layers: {size / 1000:.0f} kB")
    assert size < 300_000


def test_a_thousand_layers_are_cut_and_say_so():
    source = html.render(pages.deep_page(1000))
    assert len(source.encode()) < 600_000
    assert "… 900 more rows" in source
    assert "100 of 1,000 rows, evenly chosen" in source


def test_findings_of_one_code_are_told_three_times_and_the_rest_is_folded():
    source = html.render(pages.deep_page(50))
    assert source.count('<code class="nbd-code">ND501</code> <b>Gradient absent</b></h5>') == 3
    assert "and 47 more of ND501" in source


def test_findings_stand_worst_first():
    note, error = pages.CONSTANT_COLUMN, pages.STALE_HEAD
    source = html.render(Page("t", "", (note, error), (), ()))
    assert source.index("ND601") < source.index("ND114")


def test_backticks_mark_code_and_cannot_open_a_tag():
    finding = Finding("ND401", "t", ERROR, "`<b>` and ` alone", "")
    assert "<code>&lt;b&gt;</code> and ` alone" in html.render(Page("t", "", (finding,), (), ()))


def test_only_small_panels_and_what_is_to_be_pasted_stand_open():
    source = html.render(pages.RICH)
    code = sum(isinstance(panel, Note) and panel.kind == "code" for section in pages.RICH.sections for panel in section.panels)
    assert code == 1 and source.count('<details class="nbd-panel" open>') == 3 + code
    assert '<details class="nbd-panel"><summary>Parameters' in source


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, "#ffffff"), (DARK, "#1e1e1e")])
def test_every_colour_is_readable_on_its_paper(colours, paper):
    words = {name: colour for name, colour in colours.items() if name != "on-error"}
    assert all(contrast(colour, paper) >= 4.5 for colour in words.values())
    assert contrast(colours["on-error"], colours["error"]) >= 4.5


def test_a_heatmap_joins_neighbours_of_one_shade():
    drawn = svg.heatmap([[2, 2, 2, None], [0, 0, 11, -3]])
    assert "M0 0.5h3" in drawn
    assert 'viewBox="0 0 4 2"' in drawn
    assert drawn.count("<path") == 3


def test_a_falling_line_goes_down_and_a_gap_breaks_it():
    marks, along, up = svg.curve(pages.Curve("c", {"loss": (1.0, 0.5, pages.NAN, 0.5, 0.0)}))
    line = re.search(r'class="l s0" d="([^"]+)"', marks)[1]
    assert line == "M0 3.7L250 50M750 50L1000 96.3"
    assert [text for _, text in along] == ["0", "1", "2", "3", "4"]
    assert 'class="bad" d="M500 0V100"' in marks


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("noisy", [False, True])  # which filter packs better
def test_a_picture_is_a_png_of_its_own_pixels(channels, noisy):
    import base64
    import io
    import random

    from PIL import Image

    random.seed(0)
    smooth = (16 * x + 3 * y for y in range(5) for x in range(9) for _ in range(channels))
    pixels = bytes(random.randrange(256) if noisy else value for value in smooth)
    image = Image.open(io.BytesIO(base64.b64decode(png.encode(pixels, 9, 5, channels))))
    assert image.size == (9, 5) and image.mode == {1: "L", 3: "RGB"}[channels]
    assert image.tobytes() == pixels


def test_samples_are_shown_as_what_they_are():
    text = body(pages.WORDS_AND_CURVES)
    assert '<span class="nbd-faint">0 0 0</span>' in text and "more characters" in text
    assert "income=</i>12,500" in text and "debt=</i>–" in text
    assert text.count('class="nbd-trace"') == 1 and text.count("<figure") == 5
    assert pages.SCRIPT not in text


def test_a_picture_has_words_for_who_cannot_see_it_and_loads_nothing():
    text = body(pages.SAMPLES)
    assert text.count('src="data:image/png;base64,') == text.count("<img") == text.count(' alt="') == 9


def test_the_evidence_of_an_answer_unfolds_under_it():
    source = html.render(pages.ASKED)
    asked = source[source.index('<div class="nbd-checklist">') :]
    assert asked.count("<summary><span") == 2 and asked.count("<p><span") == 4  # those without evidence have nothing to unfold
    assert "applies its own" not in asked.partition("is the device used?")[2] and "cross_entropy" in asked.partition("is the device used?")[0]


def test_a_light_is_a_letter_as_well_as_a_colour():
    words = Outline(html.render(pages.ASKED)).words
    assert all(f"{letter}{question}" in words for letter, question in [("✓", "are the data"), ("!", "is the device"), ("–", "is it determ"), ("?", "what nobody")])
