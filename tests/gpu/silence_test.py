#!/usr/bin/env python3
"""A GPU that falls silent while windows are composed: who waits for it has an error, and everything else goes on."""
import os
import subprocess
import tempfile

from bwm_test import A
from desktop import Desktop, Panes
from gputest import TOP, main

SOURCE = os.path.join(TOP, "tests", "gpu", "host", "silent.c")


class Silence:
    """A context in which QEMUs are started whose fences do not come while it is begun."""

    def __enter__(self):
        self.at = tempfile.TemporaryDirectory()
        self.file, library = os.path.join(self.at.name, "silent"), os.path.join(self.at.name, "silent.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        os.environ.update(LD_PRELOAD=library, SILENT_FENCES=self.file)
        return self

    def __exit__(self, *_):
        self.started()
        self.at.cleanup()

    def started(self):
        """All are: other programs of this machine's are not to load it."""
        os.environ.pop("LD_PRELOAD", None)

    def begin(self):
        open(self.file, "w", encoding="ascii").close()

    def end(self):
        os.unlink(self.file)


def test_fences_that_never_come():
    """A client of the GPU is told and ends; bwm goes on, others too, and the next fence that comes brings all back."""
    with Silence() as silence, Desktop() as d:
        silence.started()
        drawn, other = Panes(d, 0), Panes(d, 1)
        drawn.do("open 0 gpu 300 200 ffff0000")
        other.do("open 0 shm 100 80 ff00ff00")
        silence.begin()
        # Its pictures are drawn, as nobody hears: it waits as long as the kernel lets it.
        assert drawn.refused("fill 0 ffffff00") == "draw: Device or resource busy"
        d.alive()
        assert d.vm.run("echo goes on | tr a-z A-Z") == "GOES ON\n"
        out, status = d.vm.sh("scanout 2>&1 >/tmp/picture")
        assert status == 1 and out == "scanout: Resource busy\n", (out, status)
        silence.end()
        d.picture()         # its fence comes, and with it the host tells of all that were kept
        other.do("fill 0 ff00ffff")
        want = d.empty.copy()
        want.rect(A + 32, A + 32, 100, 80, 0xff00ffff)
        d.shows(want, "after the silence")


def test_shared_memory_in_silence():
    """What a client of shared memory has shown meanwhile is uploaded when the card answers again: nothing is lost."""
    with Silence() as silence, Desktop() as d:
        silence.started()
        pane = Panes(d)
        pane.do("open 0 shm 100 80 ff00ff00")
        want = d.empty.copy()
        want.rect(A, A, 100, 80, 0xff00ff00)
        d.shows(want, "before the silence")
        silence.begin()
        # The first is uploaded, into a texture that the card is then not done with; the second cannot be.
        for colour in "ffff0000", "ff0000ff":
            pane.do(f"late 0 {colour}", "await 0", timeout=240)
        silence.end()
        want.rect(A, A, 100, 80, 0xff0000ff)
        d.shows(want, "after the silence")


if __name__ == "__main__":
    main()
