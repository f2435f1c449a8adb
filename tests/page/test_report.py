#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""From captures to pictures: what `tcpclose-trace report` writes is opened in a browser."""

import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path += [os.path.join(TOP, "tests/captures"), os.path.join(TOP, "tests/netns")]
import pcap # after the path to it
from harness import tap
from harness.segment import Segment
from harness.tap import Failure, case
from browser import Browser

MS = 10 ** 6
START = 1_700_000_000 * 1000 * MS
CLIENT, PUBLIC, SERVER = ("10.0.0.5", 52344), ("192.0.2.7", 40000), ("198.51.100.9", 443)
ISNS = (5000, 900000)
OFFSET = 40 * MS # of the server's clock
# When it left the client, or arrived there, and the server; sender, flags, seq, ack. None: lost.
STORY = [(0, 10, 0, "SYN", 0, None), (20, 10, 1, "SYN,ACK", 0, 1), (21, 31, 0, "ACK", 1, 1),
         (100, None, 0, "FIN,ACK", 1, 1), (300, 310, 0, "FIN,ACK", 1, 1),
         (321, 311, 1, "ACK", 1, 2), (381, 371, 1, "FIN,ACK", 1, 2), (382, 392, 0, "ACK", 2, 2)]


def expect(truth, otherwise):
    if not truth:
        raise Failure(otherwise)


def capture(path, at_server):
    """What one of the two saw; the client is behind NAT."""
    client = PUBLIC if at_server else CLIENT
    frames = []
    for moments in STORY:
        time, (sender, flags, seq, ack) = moments[at_server], moments[2:]
        if time is None:
            continue
        source, target = (SERVER, client) if sender else (client, SERVER)
        segment = Segment(source[0], target[0], source[1], target[1], ISNS[sender] + seq,
                          0 if ack is None else ISNS[not sender] + ack, flags, b"", 500, b"")
        when = START + time * MS + (OFFSET if at_server else 0)
        frames.append((when, pcap.frame(segment.build())))
    with open(path, "wb") as file:
        pcap.write(file, frames)
    return path


class World:
    def __enter__(self):
        self.browser = Browser()
        self.browser.__enter__()
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        return self

    def __exit__(self, *details):
        self._folder.cleanup()
        self.browser.__exit__(*details)

    def report(self, *captures):
        page = os.path.join(self.folder, "page.html")
        done = subprocess.run([os.path.join(pcap.BUILD, "tcpclose-trace"), "report", *captures,
                               "-o", page], text=True, capture_output=True, check=False)
        expect(done.returncode == 0 and not done.stdout, f"{done}")
        return page


@case("a capture becomes a page, its close a ladder that says what it inferred")
def _(world):
    browser = world.browser
    path = capture(os.path.join(world.folder, "<b>client.pcap"), 0)
    with browser.page(world.report(path)):
        expect(browser.run("document.title") == "<b>client.pcap: TCP teardowns",
               browser.run("document.title"))
        expect(browser.run("shownCount()") == "1 teardown", browser.run("shownCount()"))
        browser.click("#table button.open")
        browser.until("opened()?.querySelector('.ladder')")
        texts = browser.run("textsOf('.ladder text')")
        for wanted in ("① FIN,ACK   seq 1 ack 1 #4", "FIN,ACK sent again   seq 1 ack 1 #5",
                       "③ FIN,ACK   seq 1 ack 2 #7", "~FIN_WAIT1", "~CLOSE_WAIT", "~TIME_WAIT"):
            expect(wanted in texts, f"{wanted} is not in {texts}")
        facts = browser.run("opened().innerText")
        for wanted in ("Stream", "Handshake took", "21.0 ms", "198.51.100.9:443", "inferred"):
            expect(wanted in facts, f"{wanted} is not in {facts}")


@case("two captures of one close are one ladder: arrows lean, a lost FIN ends on its way")
def _(world):
    browser = world.browser
    paths = [capture(os.path.join(world.folder, f"{name}.pcap"), at) for at, name in
             enumerate(("client", "server"))]
    with browser.page(world.report(*paths)):
        expect(browser.run("shownCount()") == "1 teardown", browser.run("shownCount()"))
        joined = browser.run("document.getElementById('joined').textContent")
        expect("client.pcap and server.pcap" in joined and "~40.000" in joined, joined)
        browser.click("#table button.open")
        browser.until("opened()?.querySelector('.ladder')")
        texts = browser.run("textsOf('.ladder text')")
        expect(any("not seen there" in text for text in texts), texts)
        delays = [text for text in texts if "~10.000 ms on its way" in text]
        expect(len(delays) == 4, texts)
        browser.click(".ways label:nth-of-type(2) input")
        arrows = browser.run("arrows()")
        slopes = [end - start for start, end in arrows]
        expect(slopes[0] == 0 and all(abs(slope - slopes[1]) < 1 and slope > 10 for slope in
                                      slopes[1:]), f"arrows {arrows}")
        facts = browser.run("opened().innerText")
        expect("198.51.100.9:443 → 192.0.2.7:40000" in facts, facts)
        for scale in (1, 2):
            browser.click(f".ways label:nth-of-type({scale}) input")
            wrong = browser.run("collisions()")
            expect(not wrong, f"scale {scale}: {wrong}")


if __name__ == "__main__":
    sys.exit(tap.main(World, root=False))
