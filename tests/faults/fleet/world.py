"""The ground a fleet stands on: namespaces joined by a bridge, a PostgreSQL server, and a door to it for each
coordinator that can be frozen or shut.

Where namespaces are not permitted, all nodes share the loopback interface, and no link is cut.  The door to the
database is a socket file, so that it can be frozen in both cases.
"""

import os
import shutil
import socket
import subprocess
import threading
import time


class CannotRun(Exception):
    """What is needed is not here."""


def run(command, **options):
    """Output of a command; what it said if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode == 77:
        raise CannotRun((done.stdout + done.stderr).strip())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


class Net:
    """Nodes in namespaces of their own, on one bridge in a namespace of its own.  Nothing of the machine's own
    network is touched."""

    def __init__(self):
        self.prefix = f"an{os.getpid()}"
        self.nodes = {}
        self.why_not = ""
        try:
            run(["ip", "netns", "add", f"{self.prefix}net"])
            run(self._ip("net") + ["link", "add", "bridge", "type", "bridge"])
            run(self._ip("net") + ["link", "set", "bridge", "up"])
        except (RuntimeError, FileNotFoundError) as failure:
            self.why_not = str(failure).strip()
            self.close()

    @property
    def is_real(self):
        return not self.why_not

    def _ip(self, node):
        return ["ip", "-n", f"{self.prefix}{node}"]

    def add(self, node):
        """Its address."""
        number = len(self.nodes) + 1
        self.nodes[node] = f"10.97.1.{number}" if self.is_real else "127.0.0.1"
        if self.is_real:
            port = f"v{number}"
            run(["ip", "netns", "add", f"{self.prefix}{node}"])
            run(self._ip("net") + ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
                                   f"{self.prefix}{node}"])
            run(self._ip("net") + ["link", "set", port, "master", "bridge", "up"])
            run(self._ip(node) + ["addr", "add", f"{self.nodes[node]}/24", "dev", "eth0"])
            run(self._ip(node) + ["link", "set", "eth0", "up"])
            run(self._ip(node) + ["link", "set", "lo", "up"])
        return self.nodes[node]

    def enter(self, node):
        """What a command is begun with to run there."""
        return ["ip", "netns", "exec", f"{self.prefix}{node}"] if self.is_real else []

    def cut(self, a, b):
        """What either says to the other is lost from now on."""
        for here, there in ((a, b), (b, a)):
            run(self._ip(here) + ["route", "replace", "blackhole", f"{self.nodes[there]}/32"])

    def join(self, a, b):
        for here, there in ((a, b), (b, a)):
            subprocess.run(self._ip(here) + ["route", "del", "blackhole", f"{self.nodes[there]}/32"],
                           capture_output=True, check=False)

    def close(self):
        for node in [*self.nodes, "net"] if shutil.which("ip") else []:
            subprocess.run(["ip", "netns", "del", f"{self.prefix}{node}"], capture_output=True, check=False)


class Door:
    """A socket file through which one coordinator reaches the database."""

    def __init__(self, folder, server):
        os.makedirs(folder)
        self.target = os.path.join(server, ".s.PGSQL.5432")
        self.open = threading.Event()
        self.open.set()
        self.pairs = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, ".s.PGSQL.5432"))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        """What is on its way stays there; nobody is told."""
        self.open.clear()

    def thaw(self):
        self.open.set()

    def _accept(self):
        while True:
            try:
                inside, _ = self.listener.accept()
            except OSError:
                return
            self.open.wait()
            outside = socket.socket(socket.AF_UNIX)
            try:
                outside.connect(self.target)
            except OSError:
                inside.close()
                continue
            for source, sink in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.open.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Database:
    """A real server; a witness in it writes down which connection appended which record."""

    WITNESS = """
        CREATE TABLE public.witness(seq bigint, writer text, at timestamptz DEFAULT clock_timestamp());
        CREATE FUNCTION public.bear_witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO public.witness(seq, writer) VALUES (NEW.seq, current_setting('application_name'));
          RETURN NEW; END $$;
        CREATE TRIGGER witness AFTER INSERT ON andon.records FOR EACH ROW EXECUTE FUNCTION public.bear_witness();
    """

    def __init__(self):
        self.script = os.path.abspath("tests/support/postgresql.sh")
        self.folder = self._do("start", str(os.getpid())).strip().splitlines()[-1]

    def _do(self, *words):
        return run([self.script, *words])

    def kill(self):
        self._do("kill", self.folder)

    def restart(self):
        self._do("restart", self.folder)

    def psql(self, sql):
        return self._do("run", self.folder, "psql", "-d", "andon", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql)

    def close(self):
        self._do("stop", self.folder)


class Disk:
    """A small file system that can be filled up; none where mounting is not permitted."""

    def __init__(self, folder, size="96m"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.why_not = ""
        try:
            run(["mount", "-t", "tmpfs", "-o", f"size={size}", "andon-test", folder])
        except (RuntimeError, FileNotFoundError) as failure:
            self.why_not = str(failure).strip()

    def fill(self):
        """Nothing is left but what is held already."""
        with open(os.path.join(self.folder, "ballast"), "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * (1 << 16))
            except OSError:
                pass

    def free(self):
        path = os.path.join(self.folder, "ballast")
        if os.path.exists(path):
            os.remove(path)

    def close(self):
        if not self.why_not:
            for _ in range(50):
                if subprocess.run(["umount", self.folder], capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)
