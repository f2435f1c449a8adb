#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""leaky.c in Python: `leaky.py NAME ADDRESS MODE`, where MODE is read, unread, close or noaccept,
with the same lines on stdin and stdout but `fork`."""

import os
import select
import socket
import sys


class Server:
    def __init__(self, address, mode):
        self.mode = mode
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = address
        self.clients = {}
        self.leaked = []
        self.poll = select.poll()
        self.commands = open(0, "rb", buffering=0) # no line may wait where poll() sees none
        self.poll.register(self.commands, select.POLLIN)
        self.listener = socket.create_server((address, 0), family=self.family, backlog=2048)
        if mode != "noaccept":
            self.poll.register(self.listener, select.POLLIN)
        print("port", self.listener.getsockname()[1], flush=True)

    def tell(self, what, client):
        print(what, os.getpid(), client.fileno(), client.getpeername()[1], flush=True)

    def keep(self, client):
        self.clients[client.fileno()] = client
        self.poll.register(client, select.POLLRDHUP if self.mode == "unread" else select.POLLIN)
        self.tell("accepted", client)

    def accept_client(self):
        return self.listener.accept()[0]

    def connect_out(self, port):
        return socket.create_connection((self.address, port))

    def look_at(self, client):
        if self.mode != "unread" and client.recv(65536):
            return
        self.tell("leaked", client)
        self.poll.unregister(client)
        del self.clients[client.fileno()]
        if self.mode == "close":
            client.close()
        else:
            self.leaked.append(client)

    def obey(self, words):
        if words[:1] == ["connect"]:
            self.keep(self.connect_out(int(words[1])))
        elif words[:1] == ["close"]:
            closed, self.leaked = self.leaked[:int(words[1])], self.leaked[int(words[1]):]
            for client in closed:
                client.close()
            print("closed", len(closed), flush=True)
        else:
            sys.exit()

    def serve(self):
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor in self.clients:
                    self.look_at(self.clients[descriptor])
                elif descriptor == self.listener.fileno():
                    self.keep(self.accept_client())
                else:
                    self.obey(self.commands.readline().decode().split())


def main():
    name, address, mode = sys.argv[1:]
    with open("/proc/self/comm", "wb") as comm:
        comm.write(os.fsencode(name))
    Server(address, mode).serve()


main()
