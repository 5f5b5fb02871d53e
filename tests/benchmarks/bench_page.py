"""The inspection page in Chromium: its size, the time until it is usable, and from key to redraw.

    python tests/benchmarks/bench_page.py            # 50 spectra of a mock coadd
    python tests/benchmarks/bench_page.py --page results/demo/round-03/inspect/minibatch-01.html

Processor time is that of the page's main thread (Chromium's TaskDuration in thread ticks:
scripts, layout and painting). On the clock a redraw ends with the second animation frame after
the key, when its picture is on the screen; that depends on what else the machine does.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import spread, summary
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers import pages

KEYS = {"4 (answer, next)": "4", "n (next)": "n", "w (smooth)": "w", "c (candidate)": "c"}
REDRAW = """key => new Promise((done) => {
  const start = performance.now();
  dispatchEvent(new KeyboardEvent("keydown", {key, code: "Key" + key.toUpperCase()}));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", help="measure this page instead")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(arguments.page or _page(Path(folder))).resolve()
        size = path.stat().st_size / 1e6
        print(f"size: {size:.2f} MB", flush=True)
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=flags
        )
        loads = np.array([_load(browser, path) for _ in range(arguments.repeats + 1)])[1:]
        print(f"processor time until usable: {spread(loads[:, 0], 2)} s")
        print(f"wall time until usable: {spread(loads[:, 1], 2)} s")
        redraws = {
            name: _redraws(browser, path, key, arguments.repeats) for name, key in KEYS.items()
        }
        for name, taken in redraws.items():
            print(
                f"key to redraw, {name}: {spread(taken[:, 0])} ms of the processor, "
                f"{spread(taken[:, 1])} ms on the clock"
            )
        browser.close()

    summary("inspection page of 50 spectra, MB", f"{size:.2f}", "3", "")
    summary("processor time until usable, s", spread(loads[:, 0], 2), "0.8", "")
    summary(
        "key 4 to redraw, ms of the processor", spread(redraws["4 (answer, next)"][:, 0]), "60", ""
    )


def _page(folder: Path) -> Path:
    pages.write_batch(folder, 50)
    return pages.write_all(folder) / "minibatch-01.html"


def _open(browser, path):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    return context, page, session


def _processor(session):
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"]


def _load(browser, path):
    context, page, session = _open(browser, path)
    taken = _processor(session), page.evaluate("performance.now()") / 1e3
    context.close()
    return taken


def _redraws(browser, path, key, repeats):
    context, page, session = _open(browser, path)
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    page.wait_for_selector("#who", state="hidden")
    taken = []
    for _ in range(repeats + 1):
        # As an inspector looks: what is prepared meanwhile for the next spectrum is done.
        page.wait_for_timeout(700)
        before = _processor(session)
        wall = page.evaluate(REDRAW, key)
        taken.append((1e3 * (_processor(session) - before), wall))
    context.close()
    return np.array(taken[1:])


if __name__ == "__main__":
    main()
