# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Real servers, ready when they say so."""

import os
import shutil
import signal
import subprocess
import tempfile

from .tap import Failure, Skip
from .tracer import Appearance

DEADLINE = 20
NGINX = """daemon off; worker_processes 2; user root; pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_timeout 5s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 0.0.0.0:{port}; listen [::]:{port}; root {folder}; }}
}}
"""


class Server:
    """A program in a namespace; `ready` is a text that it prints, or a file that it creates."""

    def __init__(self, namespace, words, ready_text=None, ready_file=None, end=signal.SIGTERM,
                 folder=None):
        self._end = end
        self._folder = folder
        appearance = Appearance(ready_file) if ready_file else None
        if shutil.which(words[0]) is None:
            raise Skip(f"{words[0]} is not installed")
        with namespace:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, text=True,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = ""
        if appearance:
            if not appearance.wait(self._process, DEADLINE):
                raise Failure(f"{words[0]} did not start: {self._process.stdout.read()}")
            appearance.close()
            return
        for line in self._process.stdout:
            said += line
            if ready_text in line:
                return
        raise Failure(f"{words[0]} did not start: {said}")

    def stop(self):
        self._process.send_signal(self._end)
        try:
            self._process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        if self._folder:
            shutil.rmtree(self._folder)


def nginx(namespace, port):
    """Serves a folder with index.html (1 kB) and large.bin (1 MB)."""
    folder = tempfile.mkdtemp(prefix="tcpclose-nginx-")
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX.format(folder=folder, port=port))
    for name, size in (("index.html", 1000), ("large.bin", 1000000)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x" * size)
    os.chmod(folder, 0o755)
    return Server(namespace, ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf",
                              "-e", f"{folder}/error.log"],
                  ready_file=f"{folder}/pid", end=signal.SIGQUIT, folder=folder)


def redis(namespace, port):
    return Server(namespace, ["redis-server", "--port", str(port), "--bind", "0.0.0.0", "::",
                              "--protected-mode", "no", "--save", "", "--appendonly", "no"],
                  ready_text="Ready to accept connections")


def python_http(namespace, port):
    """Python's HTTP/1.0 server: it closes first."""
    folder = tempfile.mkdtemp(prefix="tcpclose-http-")
    with open(os.path.join(folder, "index.html"), "wb") as file:
        file.write(b"x" * 5000)
    return Server(namespace, ["/usr/bin/python3", "-u", "-m", "http.server", str(port),
                              "--bind", "::", "--directory", folder],
                  ready_text="Serving HTTP", end=signal.SIGINT, folder=folder)
