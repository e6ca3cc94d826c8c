"""Coordinators and agents as processes, and what can be done to them."""

import json
import os
import shutil
import signal
import struct
import subprocess
import time

from world import Disk, Door, run

ARCHITECTURE = """model: pump
input: {features: features, window: 4}
layers:
  - flatten
  - dense: {units: 400}
  - tanh
  - dense: {units: 4}
  - dense: {units: 400}
  - tanh
  - dense: {units: input}
loss: mse
target: input
"""

SENSORS = {"speed": "1/min", "flow": "m3/h", "suction_pressure": "bar", "discharge_pressure": "bar",
           "motor_current": "A", "vibration_drive_end": "mm/s", "vibration_free_end": "mm/s",
           "bearing_temperature": "degC", "oil_temperature": "degC", "motor_temperature": "degC",
           "valve_position": "%"}

# Rounds of milliseconds that any candidate passes: it is the coordinators that are tried here.
POLICY = {"promote.automatic": "true", "min_cohort": 3, "train.rounds": 1, "drift.rounds": 1, "drift.epochs": 1,
          "drift.cooldown": "0s", "gate.loss": 100, "gate.alarms": 1, "gate.challenge": 1, "gate.first": "false",
          "round.invite": "10s", "round.upload": "20s", "round.exchange": "10s", "round.retries": 2}


def until(what, condition, seconds=60):
    """Waits for a condition, and says what it waited for in vain."""
    end = time.monotonic() + seconds
    while not (got := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.1)
    return got


class Node:
    """A process in its place in the net, with a clock that can be wrong."""

    def __init__(self, fleet, name):
        self.fleet, self.name = fleet, name
        self.address = fleet.net.add(name)
        self.folder = os.path.join(fleet.work, name)
        self.log = os.path.join(fleet.work, f"{name}.log")
        self.process = None
        self.stopped = False
        os.makedirs(self.folder, exist_ok=True)
        self.environment = dict(os.environ)
        self.clock = os.path.join(fleet.work, f"{name}.clock")
        self.environment |= {"LD_PRELOAD": os.path.join(fleet.bin, "libwrong_clock.so"),
                             "AN_WRONG_CLOCK": self.clock}
        self.set_clock(0)

    def set_clock(self, seconds):
        """In place: the process has the file mapped."""
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb") as f:
            f.write(struct.pack("=q", seconds))

    def start(self):
        if self.is_up():
            return
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.fleet.net.enter(self.name) + self.command(), stdout=log,
                                            stderr=log, env=self.environment)
        self.stopped = False

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.is_up():
            self.process.kill()
            self.process.wait()

    def pause(self):
        if self.is_up():
            self.process.send_signal(signal.SIGSTOP)
            self.stopped = True

    def go_on(self):
        if self.is_up() and self.stopped:
            self.process.send_signal(signal.SIGCONT)
        self.stopped = False


class Coordinator(Node):
    def __init__(self, fleet, name, number):
        super().__init__(fleet, name)
        self.port = 17700 + 10 * number + os.getpid() % 500 * 40
        self.door = Door(os.path.join(fleet.work, f"{name}.door"), fleet.database.folder)
        self.disk = Disk(os.path.join(self.folder, "store"))
        self.environment["PGAPPNAME"] = name

    @property
    def control(self):
        return f"tcp://{self.address}:{self.port}"

    def command(self):
        door = os.path.join(self.fleet.work, f"{self.name}.door")
        return [os.path.join(self.fleet.bin, "andon-coordinator"), "--data", self.folder, "--lease", "2s",
                "--store", f"postgresql:host={door} user=andon dbname=andon", "--enrol.rate", "10000",
                "--coordinators", ",".join(c.control for c in self.fleet.coordinators),
                "--http.port", str(self.port + 3), "--listen.control", self.control,
                "--listen.bulk", f"tcp://{self.address}:{self.port + 1}",
                "--listen.enrol", f"tcp://{self.address}:{self.port + 2}"]

    def ask(self, *words, seconds=10):
        """Output of `andon`; None if it has no answer."""
        try:
            done = subprocess.run(self.fleet.net.enter(self.name) +
                                  [os.path.join(self.fleet.bin, "andon"), *words, "--data", self.folder],
                                  capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return None
        self.fleet.last_answer = done.stdout + done.stderr
        return done.stdout if done.returncode == 0 else None

    def must(self, *words):
        """The same; an answer there must be."""
        return until(f"`andon {' '.join(words)}` to be answered", lambda: self.ask(*words), 20)

    def probe(self, path):
        """Status and word that it answers to whoever asks whether it is well; None: nothing."""
        done = subprocess.run(self.fleet.net.enter(self.name) +
                              ["curl", "-s", "-m", "3", "-w", " %{http_code}", f"http://127.0.0.1:{self.port + 3}{path}"],
                              capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def is_active(self):
        return (self.is_up() and not self.stopped and
                os.path.exists(os.path.join(self.folder, "endpoints.json")) and
                self.ask("model", "list", seconds=3) is not None)

    def lose_disk(self):
        """All but its keys, which stand in a safe."""
        self.disk.free()
        for name in os.listdir(self.disk.folder):
            path = os.path.join(self.disk.folder, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.remove(path)


class Agent(Node):
    def __init__(self, fleet, name, number):
        super().__init__(fleet, name)
        self.config = os.path.join(fleet.work, f"{name}.yaml")
        with open(self.config, "w", encoding="ascii") as f:
            f.write(f"""site: {name}
data: {self.folder}
save: 1s
lines:
  - name: line-1
    model: pump
    window: 4
    known_normal_rows: 3000
    source: {{type: sim, line: pump, seed: {number}, site: {number}, rows: 3000, steady: true, speed: 0}}
    personalise: {{scale: site}}
    pool: {{window: 4}}
""")

    def command(self):
        return [os.path.join(self.fleet.bin, "andon-agent"), "--config", self.config]

    def status(self):
        done = subprocess.run([os.path.join(self.fleet.bin, "andon-agent"), "status", "--data", self.folder,
                               "--json"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def enrol(self, coordinator):
        token = [w for w in coordinator.must("token").split() if w.startswith("andon1-")][0]
        with open(self.log, "ab") as log:
            asking = subprocess.Popen(self.fleet.net.enter(self.name) +
                                      [os.path.join(self.fleet.bin, "andon-agent"), "enrol", token, "--site",
                                       self.name, "--data", self.folder, "--timeout", "60s"],
                                      stdout=log, stderr=log)
        until(f"{self.name} to ask", lambda: self.name in (coordinator.ask("site", "list") or ""))
        coordinator.must("site", "approve", self.name)
        if asking.wait() != 0:
            raise RuntimeError(f"{self.name} was not enrolled")


def create_model(coordinator, work):
    with open(os.path.join(work, "arch.yaml"), "w", encoding="ascii") as f:
        f.write(ARCHITECTURE)
    with open(os.path.join(work, "schema.yaml"), "w", encoding="ascii") as f:
        f.write("sensors:\n" + "".join(f'  - {{name: {name}, unit: "{unit}"}}\n' for name, unit in SENSORS.items()))
        f.write("window: 4\nthreshold: quantile:0.999*1.33\n")
    policy = [word for key, value in POLICY.items() for word in ("--policy", f"{key}={value}")]
    if coordinator.ask("model", "create", "pump", "--arch", os.path.join(work, "arch.yaml"), "--schema",
                       os.path.join(work, "schema.yaml"), *policy) is None:
        raise RuntimeError(f"no model: {coordinator.fleet.last_answer}")


def copy_keys(source, target):
    """All coordinators on one store have one identity; their administrator's token is one, too."""
    for name in ("identity", "admin.token"):
        run(["cp", "-p", os.path.join(source.folder, name), target.folder])
