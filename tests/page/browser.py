# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A Chromium without a window, driven by chromedriver over plain WebDriver."""

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

from harness.tap import Failure, Skip

ANSWER_DEADLINE = 60
SCRIPT_DEADLINE = 20
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--force-color-profile=srgb", "--window-size=1280,900"]
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013",
        "Right": "\ue014", "Down": "\ue015", "End": "\ue010", "Home": "\ue011", "Shift": "\ue008",
        "PageDown": "\ue00f"}
with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "probes.js"),
          encoding="utf-8") as file:
    PROBES = file.read()

class Browser:
    def __enter__(self):
        for program in ("chromedriver", "chromium"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        try:
            socket.getaddrinfo("localhost", None)
        except OSError: # chromedriver speaks to Chromium by that name
            raise Skip("localhost has no address; /etc/hosts gives it one") from None
        with contextlib.ExitStack() as stack:
            self._folder = stack.enter_context(tempfile.TemporaryDirectory())
            self._driver = subprocess.Popen(["chromedriver", "--port=0"], text=True,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            stack.callback(self._stop)
            self._port = self._find_port()
            self._session = ""
            options = {"args": [*OPTIONS, f"--user-data-dir={self._folder}/profile"],
                       "binary": shutil.which("chromium")}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"},
                      "timeouts": {"script": SCRIPT_DEADLINE * 1000}}
            answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{answer['sessionId']}"
            stack.callback(lambda: self._ask("DELETE", ""))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    def _stop(self):
        self._driver.terminate()
        self._driver.communicate()

    def _find_port(self):
        for line in self._driver.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                return found.group(1)
        raise Failure("chromedriver did not start")

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{self._session}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_DEADLINE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Failure(json.load(error)["value"]["message"].splitlines()[0]) from None

    def command(self, name, **parameters):
        """Of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def metric(self, name):
        """Of the DevTools' Performance domain."""
        told = self.command("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in told if one["name"] == name)

    def console(self):
        """What the page complained of since this was last asked for."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    @contextlib.contextmanager
    def page(self, path, fragment=""):
        """Opens a file, waits until it is ready and, at the end, sees whether it had to complain
        or asked for anything from anywhere. Gives the ms that it took to open."""
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": f"file://{path}{fragment}"})
        yield self._wait("whenReady(done)")
        told = self.console()
        loaded = self.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
        if told or loaded:
            raise Failure(f"console: {told}, loaded: {loaded}")

    def run(self, expression, *given):
        """The value of an expression that may use given and the functions of probes.js."""
        return self._ask("POST", "/execute/sync", {
            "script": f"{PROBES}\nconst given = Array.from(arguments); return ({expression});",
            "args": list(given)})

    def _wait(self, statement, *given):
        return self._ask("POST", "/execute/async", {
            "script": f"{PROBES}\nconst given = Array.from(arguments), done = given.pop();\n"
                      f"{statement};", "args": list(given)})

    def until(self, expression, *given):
        """Waits until it is true; gives its value."""
        try:
            return self._wait(f"when(() => ({expression}), done)", *given)
        except Failure as failure:
            raise Failure(f"never true: {expression}: {failure}") from None

    def press(self, *keys):
        """One after the other; "Shift+Tab" is held together."""
        actions = []
        for key in keys:
            held = [KEYS.get(part, part) for part in key.split("+")]
            actions += [{"type": "keyDown", "value": one} for one in held]
            actions += [{"type": "keyUp", "value": one} for one in reversed(held)]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard",
                                                    "actions": actions}]})

    def click(self, selector):
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{next(iter(found.values()))}/click", {})

    @contextlib.contextmanager
    def phone(self):
        """360 pixels wide, as small ones are."""
        self.command("Emulation.setDeviceMetricsOverride", width=360, height=740,
                     deviceScaleFactor=2, mobile=True)
        try:
            yield
        finally:
            self.command("Emulation.clearDeviceMetricsOverride")

    @contextlib.contextmanager
    def media(self, medium="", **features):
        """Prefers this: prefers_color_scheme="dark"; or prints."""
        self.command("Emulation.setEmulatedMedia", media=medium, features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])
        try:
            yield
        finally:
            self.command("Emulation.setEmulatedMedia", media="", features=[])

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._ask("GET", "/screenshot")))
