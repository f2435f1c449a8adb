#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The page in a browser: what is drawn, filtered, opened; by keyboard, on a phone, in the dark."""

import contextlib
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.append(os.path.join(TOP, "tests/netns"))
from harness import tap  # after the path to it
from harness.load import own_time
from harness.tap import Failure, case, note
from browser import Browser

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))
SOME, MANY = 2000, 100000
OPENS_WITHIN = 3000 # ms
CHARTS = ("chart-kinds", "chart-close-wait", "chart-half-close", "chart-time-wait")
LADDERS = ("four-way", "half-close", "simultaneous", "four-way-both-local", "nat", "reference-a",
           "reset-after-fin", "fin-never-acknowledged", "lost-records",
           "orphan-ends-by-data-and-fin", "wire-time-wait-syn", "join-recording-and-capture")
HOSTILE = ("<script>alert(1", "<img onerror=1>", "\\xe2\\x80\\xaegpj.exe", "\\x1b[31mred",
           "--></script>")
REFERENCE_A = ("① FIN,ACK   seq 3343 ack 4478 #1475", "② ACK   ack 3344 (① +36.020 ms) #1476",
               "③ FIN,ACK   seq 4478 ack 3344 #1477", "④ ACK   ack 4479 (③ +0.068 ms) #1478",
               "~FIN_WAIT1", "~CLOSE_WAIT", "~FIN_WAIT2", "~LAST_ACK", "~TIME_WAIT", "~CLOSED")


def expect(truth, otherwise):
    if not truth:
        raise Failure(otherwise)


def make(path, *command):
    with open(path, "wb") as file:
        subprocess.run([os.path.join(BUILD, "tests", command[0]), *command[1:]], stdout=file,
                       check=True)
    return path


class World:
    """A browser, a page of some teardowns and one of very many; of scenarios when asked for."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.browser = stack.enter_context(Browser())
            self._folder = stack.enter_context(tempfile.TemporaryDirectory())
            self.some = make(f"{self._folder}/some.html", "page/many", str(SOME))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    def many(self):
        return make(f"{self._folder}/many.html", "page/many", str(MANY))

    def scenario(self, name):
        return make(f"{self._folder}/{name}.html", "scenarios/play", "page",
                    os.path.join(TOP, "tests/scenarios", name, "script"))

    # What the open page shows.

    def count(self):
        return self.browser.run("shownCount()")

    def shown(self):
        """How many teardowns a filter left, once there is one."""
        return number_in(self.browser.until("shownCount().includes('shown') && shownCount()"))

    def all_shown(self):
        self.browser.until("!shownCount().includes('shown')")

    def rows(self):
        return self.browser.run("shownRows()")

    def bars(self, chart):
        """Of each bar what it tells: "10:00:00 to 10:00:10, 12 teardowns, four-way 12"."""
        return self.browser.run("bars(given[0])", chart)

    def open_first(self):
        self.browser.click("#table button.open")
        self.ladder()

    def ladder(self):
        self.browser.until("opened()?.querySelector('.ladder')")

    def scale(self, number):
        """1: compressed, 2: to scale."""
        self.browser.click(f".ways label:nth-of-type({number}) input")


def number_in(text):
    return int(text.split()[0].replace(",", ""))


def value_of(bar):
    return number_in(bar.split(", ", 1)[1])


def sum_of(bars):
    return sum(value_of(bar) for bar in bars)


@case("all charts are drawn, and all count the same teardowns")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        for chart in CHARTS:
            size = browser.run("sizeOf(`#${given[0]} svg`)", chart)
            expect(size[0] > 300 and size[1] > 100, f"{chart} is {size}")
            heights = browser.run("heights(`#${given[0]} .bar rect:not(.hit)`)", chart)
            expect(max(heights, default=0) > 40, f"the bars of {chart} are {heights}")
        expect(sum_of(world.bars("chart-kinds")) == SOME, "not all are in the chart of kinds")
        expect(world.count() == f"{SOME:,} teardowns", world.count())
        tile = browser.run("document.querySelector('.tile.all b').textContent")
        expect(tile == f"{SOME:,}", f"the tile says {tile}")
        by = browser.run("textsOf('.tile.by b')")
        expect(sum(map(number_in, by)) == SOME, f"closed by: {by}")


@case("a filter changes counts, charts and the table; its removal brings all back")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        before = {chart: world.bars(chart) for chart in CHARTS}
        browser.run("type('kind', 'three-way')")
        shown = world.shown()
        expect(0 < shown < SOME, f"{shown} shown")
        expect(sum_of(world.bars("chart-kinds")) == shown, "the chart counts others")
        expect(all("three-way" in row for row in world.rows()), "the table has others")
        for chart in CHARTS:
            expect(world.bars(chart) != before[chart], f"{chart} did not change")
        address = browser.run("location.hash")
        expect(address == "#kind=three-way", address)
        browser.click("#clear")
        world.all_shown()
        for chart in CHARTS:
            expect(world.bars(chart) == before[chart], f"{chart} is not what it was")


@case("search by program, address, port, cause; peer and duration")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        for field, text, wanted in (("search", "curl timeout", ("curl", "timeout")),
                                    ("search", ":5432", (":5432",)),
                                    ("search", "unread-data", ("unread-data",)),
                                    ("peer", "10.0.0.2", ("10.0.0.2:",)),
                                    ("peer", "2a01:111:2003::3", ("[2a01:111:2003::3]:",)),
                                    ("peer", "6379", (":6379",)),
                                    ("program", "post", ("postgres[",))):
            browser.run("type(given[0], given[1])", field, text)
            expect(world.shown() > 0, f"nothing found by {field} {text}")
            wrong = [row for row in world.rows() if not all(word in row for word in wanted)]
            expect(not wrong, f"{field} {text}: {wrong[:1]}")
            browser.click("#clear")
            world.all_shown()
        browser.run("location.hash = 'min=10+ms&max=20+ms&sort=-took'")
        world.shown()
        took = browser.run("textsOf('#table td.took').map(parseDuration)")
        expect(took and max(took) <= 20e6 and min(took) >= 10e6, f"took {took}")
        expect(took == sorted(took, reverse=True), f"not sorted: {took}")


@case("a bar leads into its time, another picks a duration, a tile the resets")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        bars = world.bars("chart-kinds")
        browser.click("#chart-kinds .bar:nth-of-type(4)")
        shown = world.shown()
        expect(shown == value_of(bars[3]), f"{shown} shown, the bar was {bars[3]}")
        expect(sum_of(world.bars("chart-kinds")) == shown, "the chart did not zoom in")
        browser.click("#chips button")
        world.all_shown()
        bars = world.bars("chart-half-close")
        browser.click("#chart-half-close .bar:nth-of-type(6)")
        shown = world.shown()
        expect(shown == value_of(bars[5]), f"{shown} shown, the bar is {bars[5]}")
        expect(world.bars("chart-half-close") == bars, "the chart obeys its own filter")
        browser.click("#clear")
        world.all_shown()
        browser.click(".tile.trouble-reset")
        tile = browser.run("document.querySelector('.tile.trouble-reset b').textContent")
        expect(world.shown() == number_in(tile), f"the tile says {tile}, {world.count()}")
        expect(all("reset" in row for row in world.rows()), "others are shown too")


@case("sockets that were still in CLOSE_WAIT when they were told of are named")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        note_of = browser.run("document.querySelector('#chart-close-wait .note').textContent")
        expect(note_of.startswith("3 suspects held for long; the oldest, 10.0.0.6:41002 → "
                                  "10.0.0.8:443, for at least 2 min 00 s by leaky[4711]"), note_of)


@case("the ladder of a close: arrows, states, numbers, in both scales")
def _(world):
    browser = world.browser
    with browser.page(world.scenario("reference-a")):
        world.open_first()
        texts = browser.run("textsOf('.ladder text')")
        missing = [wanted for wanted in REFERENCE_A if wanted not in texts]
        expect(not missing, f"{missing} not in {texts}")
        verdict = browser.run("document.getElementById('detail-sentence').textContent")
        expect(verdict.startswith("~four-way (inferred), closed first by local"), verdict)
        fillings = browser.run("fillings('.ladder .state')")
        expect(fillings and all(one.startswith('url("#hatch-') for one in fillings), fillings)
        world.scale(2)
        first, second, third, fourth = (arrow[0] for arrow in browser.run("arrows()"))
        near = (third - second) / (fourth - first)
        expect(abs(near - 1.965 / 38.053) < 0.01, f"not to scale: {first, second, third, fourth}")


@case("observed states are solid, and arrows lean where both ends saw the segment")
def _(world):
    browser = world.browser
    with browser.page(world.scenario("four-way-both-local")):
        world.open_first()
        fillings = browser.run("fillings('.ladder .state')")
        expect(fillings and not any("url" in one for one in fillings), fillings)
        arrows = browser.run("arrows()")
        expect(len(arrows) == 4 and all(end > start for start, end in arrows), arrows)


@case("no text of a ladder stands on another, on a desk and on a phone")
def _(world):
    browser = world.browser
    for name in LADDERS:
        with browser.page(world.scenario(name)):
            world.open_first()
            for scale in (1, 2):
                world.scale(scale)
                wrong = browser.run("collisions()")
                expect(not wrong, f"{name}, desk, scale {scale}: {wrong}")
            with browser.phone():
                browser.until("sizeOf('.ladder')[0] < 400")
                for scale in (1, 2):
                    world.scale(scale)
                    wrong = browser.run("collisions()")
                    expect(not wrong, f"{name}, phone, scale {scale}: {wrong}")


@case("names from outside stay text, and what is hidden in them is shown")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        subject = browser.run("document.getElementById('subject').textContent")
        expect(subject == "<img src=x onerror=alert(1)>.pcapng", subject)
        for name in HOSTILE:
            browser.run("location.hash = new URLSearchParams({ program: given[0] })", name)
            browser.until("document.getElementById('f-program').value === given[0]", name)
            world.shown()
            rows = world.rows()
            expect(rows and all(name in row for row in rows), f"{name} is not in {rows[:1]}")
            world.open_first()
            text = browser.run("opened().innerText")
            expect(name in text, f"{name} is not in {text[:300]}")
            browser.press("Escape")
            browser.until("!location.hash.includes('open=')")
        made = browser.run("[document.querySelectorAll('img, iframe, object, a').length, "
                           "document.scripts.length]")
        expect(made == [0, 1], f"made of names: {made}")


@case("the policy of the page lets nothing else run or load")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        policy = browser.run("document.querySelector('meta[http-equiv]').content")
        expect("default-src 'none'" in policy and "unsafe" not in policy, policy)
        browser.run("document.body.append(Object.assign(document.createElement('script'), "
                    "{ textContent: 'window.injected = true' }))")
        expect(browser.run("window.injected === undefined"), "a foreign script ran")
        told = browser.console()
        expect(len(told) == 1 and "Content Security Policy" in told[0], told)


@case("without a mouse: to the table, into a ladder, along a chart, and back")
def _(world):
    browser = world.browser
    focus = "document.activeElement"
    with browser.page(world.some):
        browser.press("Tab")
        expect(browser.run(f"{focus}.id") == "skip", browser.run(f"{focus}.outerHTML"))
        outline = browser.run(f"getComputedStyle({focus}).outlineStyle")
        expect(outline == "solid", f"the focus is not to be seen: {outline}")
        browser.press("Enter")
        expect(browser.run(f"{focus}.id") == "closes-title", browser.run(f"{focus}.id"))
        columns = browser.run("document.querySelectorAll('#table th').length")
        browser.press(*["Tab"] * (columns + 1), "Down", "Down", "Down")
        row = browser.run(f"{focus}.closest('tr')?.dataset.row")
        expect(row == "3", f"row {row} has the focus")
        browser.press("Enter")
        world.ladder()
        address = browser.run("location.hash")
        expect("open=" in address, address)
        expect(browser.run(f"opened().contains({focus})"), "the focus stayed outside")
        browser.press("j")
        browser.until("location.hash !== given[0]", address)
        browser.press("Escape")
        browser.until(f"{focus}.closest('tr')?.dataset.row === '4'") # the one that was open
        browser.press("PageDown", "End", "Down")
        row = browser.run(f"{focus}.closest('tr')?.getAttribute('aria-rowindex')")
        expect(row == "102", f"row {row} is not the first of the third page")
        browser.run("document.querySelector('#chart-time-wait .bar[tabindex=\"0\"]').focus()")
        browser.press("End", "Left", "Enter")
        shown = world.shown()
        expect(browser.run(f"{focus}.matches('#chart-time-wait .bar.picked')"),
               "the bar lost the focus, or is not picked")
        bar = browser.run(f"{focus}.getAttribute('aria-label')")
        expect(value_of(bar) == shown, f"{bar}: {shown} shown")


@case("the address leads back to the filter and the connection; Back closes it")
def _(world):
    browser = world.browser
    title = "document.getElementById('detail-title').textContent"
    with browser.page(world.some, "#kind=timeout&sort=-took"):
        shown = world.shown()
        expect(all("timeout" in row for row in world.rows()), "the filter is not applied")
        world.open_first()
        address, opened = browser.run("location.hash"), browser.run(title)
    with browser.page(world.some, address):
        world.ladder()
        expect(browser.run(title) == opened, browser.run(title))
        expect(world.shown() == shown, world.count())
        browser.press("Escape")
        browser.until("!location.hash.includes('open=')")
        world.open_first()
        browser.run("history.back()")
        browser.until("!opened()")
        expect("kind=timeout" in browser.run("location.hash"), browser.run("location.hash"))
    nonsense = "#kind=nonsense&open=nothing.1&sort=x&time=..&page=-3&half=a..b&trouble=toString"
    with browser.page(world.some, nonsense):
        expect(world.count() == f"{SOME:,} teardowns", "nonsense filters")
    for time in ("5..inf", "9" * 30 + ".." + "9" * 40, "-" + "9" * 30 + "..0", "7..3"):
        with browser.page(world.some, f"#time={time}&held={time}&wait={time}"):
            expect("shown" in world.count(), f"{time}: {world.count()}")


@case("everything has its place on a phone")
def _(world):
    browser = world.browser
    with browser.phone(), browser.page(world.some):
        wide = browser.run("document.documentElement.scrollWidth")
        expect(wide == 360, f"the page is {wide} pixels wide")
        right = browser.run("Math.max(...rightEdges('#table tbody tr, .tile, figure, label'))")
        expect(right <= 360, f"something ends at {right}")
        world.open_first()
        wide = browser.run("[opened().scrollWidth, opened().clientWidth]")
        expect(wide[0] <= wide[1], f"the connection is wider than its window: {wide}")


@case("in the dark and in the light every text can be read")
def _(world):
    browser = world.browser
    grounds = []
    for scheme in ("light", "dark"):
        with browser.media(prefers_color_scheme=scheme), browser.page(world.some):
            grounds.append(browser.run("getComputedStyle(document.body).backgroundColor"))
            faint = browser.run("faintTexts()")
            expect(not faint, f"{scheme}: {faint}")
            world.open_first()
            faint = browser.run("faintTexts()")
            expect(not faint, f"{scheme}, opened: {faint}")
    expect(grounds[0] != grounds[1], f"the same ground in both: {grounds}")


@case("a page that is cut short shows what it has")
def _(world):
    browser = world.browser
    headline = "document.getElementById('headline').textContent"
    path = os.path.join(os.path.dirname(world.some), "cut.html")
    with open(world.some, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[:len(whole) * 9 // 10])
    with browser.page(path):
        expect(0 < number_in(world.count()) < SOME, world.count())
        expect("cut short" in browser.run(headline), browser.run(headline))
        world.open_first()
    # Details cut out of the middle: their rows are still there.
    start = whole.index(b'class="details"') + 1000
    with open(path, "wb") as file:
        file.write(whole[:start] + whole[start + 100:])
    with browser.page(path):
        expect(world.count() == f"{SOME:,} teardowns", world.count())
        browser.click("#table button.open")
        told = browser.until("opened()?.innerText")
        expect("no ladder" in told, told[:200])


@case("each chart is a table as well, and says in words what it shows")
def _(world):
    browser = world.browser
    with browser.page(world.some):
        for chart in CHARTS:
            browser.click(f"#{chart} summary")
            rows = browser.until("nonempty(textsOf(`#${given[0]} tbody tr`))", chart)
            expect(len(rows) == len(world.bars(chart)), f"{chart}: {len(rows)} rows")
            told = browser.run("document.querySelector(`#${given[0]} svg`).ariaLabel", chart)
            expect("the highest" in told, told)


@case("on paper there is what was asked for, without the tools to ask")
def _(world):
    browser = world.browser
    with browser.page(world.some), browser.media("print"):
        shown = browser.run("['#filters', '#pager', '#charts', '#table'].map((selector) => "
                            "document.querySelector(selector).checkVisibility())")
        expect(shown == [False, False, True, True], f"filter, pager, charts, table: {shown}")


@case(f"{MANY:,} connections open within {OPENS_WITHIN / 1000:.0f} s")
def _(world):
    browser = world.browser
    path = world.many()
    size = os.path.getsize(path) / 1e6
    browser.command("Performance.enable", timeDomain="threadTicks")
    before = browser.metric("TaskDuration")
    with browser.page(path) as opened:
        computed = (browser.metric("TaskDuration") - before) * 1000
        note(f"{MANY:,} connections, {size:.1f} MB: ready {opened:.0f} ms after navigation, of "
             f"which {computed:.0f} ms were computed")
        expect(world.count() == f"{MANY:,} teardowns", world.count())
        elements = browser.run("document.querySelectorAll('*').length")
        expect(elements < 5000, f"{elements} elements: they grow with the report")
        took = browser.run("timed(() => document.querySelector('.tile.trouble-reset').click())")
        note(f"a filter is applied in {took:.0f} ms")
        expect(size < 60, f"{size} MB")
        expect(own_time(opened, computed) < OPENS_WITHIN, "that is too long")


if __name__ == "__main__":
    sys.exit(tap.main(World, root=False))
