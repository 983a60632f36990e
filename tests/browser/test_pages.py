"""Pages in a browser: within a narrow and a wide window, with nothing to complain about."""

import html
import json
import re
import shutil
import subprocess

import pytest

from derive.ops import find, shipped
from derive.pipeline import show, site_files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom",
)  # fmt: skip

NAMES = ("linear", "correlate2d", "max_pool2d", "softmax", "layer_norm", "cross_entropy", "rnn")
WIDTHS = (360, 1280)
MEASURE = """
addEventListener("load", async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument;
    for (const details of page.querySelectorAll("details")) details.open = true;
    await page.fonts.ready;
    const wide = [...page.querySelectorAll(".equations")].filter(
      (block) => block.scrollWidth > block.clientWidth + 1);
    const inside = (element) => element.closest(".equations, pre") === null;
    const right = (element) => element.getBoundingClientRect().right;
    const out = [...page.querySelectorAll("main *")].filter(
      (element) => inside(element) && right(element) > frame.clientWidth);
    found.push({
      out: out.map((element) => element.localName + ": " + element.textContent.slice(0, 80)),
      name: frame.title, width: frame.clientWidth,
      over: page.documentElement.scrollWidth - frame.clientWidth,
      wide: wide.map((block) => block.textContent.trim().slice(0, 80)),
      fonts: [...page.fonts].filter((f) => f.status === "loaded").map((f) => f.family),
      height: page.documentElement.scrollHeight,
      found: [...page.querySelectorAll("li")].filter((entry) => !entry.hidden).length,
    });
  }
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def opened(folder, pages: dict[str, str], script: str = ""):
    """What is measured of pages in frames of each width, and what the browser complains about."""
    frames = "".join(
        f'<iframe title="{name}" width="{width}" height="900" srcdoc="{html.escape(page)}">'
        "</iframe>"
        for name, page in pages.items()
        for width in WIDTHS
    )
    style = "<style>iframe { border: 0; display: block }</style>"
    head = f'<!DOCTYPE html><meta charset="utf-8">{style}'
    text = f'{head}{frames}<pre id="found"></pre><script>{MEASURE}{script}</script>'
    (folder / "frames.html").write_text(text, encoding="utf-8")
    command = [
        CHROMIUM,
        *OPTIONS,
        f"--user-data-dir={folder / 'profile'}",
        "--window-size=1400,900",
    ]
    done = subprocess.run(
        [*command, (folder / "frames.html").as_uri()], capture_output=True, text=True, timeout=300
    )
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found[1])), complaints


def test_formulas_stay_within_the_window(tmp_path):
    pages = {name: show(find(name)[1], "html") for name in NAMES}
    found, complaints = opened(tmp_path, pages)
    assert not complaints
    assert {(page["name"], page["width"]) for page in found} == {
        (name, width) for name in NAMES for width in WIDTHS
    }
    for page in found:
        assert page["out"] == [], page
        assert page["over"] <= 0, page
        assert page["wide"] == [], page
        assert any("Derive Math" in font for font in page["fonts"]), page
        assert page["height"] > 900, page


def test_the_index_stays_within_the_window_and_searches(tmp_path):
    files = {str(output.path): output.text for output in site_files(shipped())}
    (tmp_path / "derive.css").write_text(files["derive.css"], encoding="utf-8")
    search = """
      for (const frame of document.querySelectorAll("iframe"))
        frame.addEventListener("load", () => {
          const field = frame.contentDocument.getElementById("search");
          field.value = "conv transpose 2d";
          field.dispatchEvent(new Event("input"));
        });
    """
    found, complaints = opened(tmp_path, {"index": files["operations.html"]}, search)
    assert not complaints
    assert [page["over"] <= 0 for page in found] == [True, True]
    assert [page["found"] for page in found] == [1, 1]
