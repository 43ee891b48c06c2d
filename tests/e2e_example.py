# SPDX-License-Identifier: MIT
"""README.md's example: this request gets that response."""

import os
import re

import tap
from harness import World
from rows import alike

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def blocks():
    """The example's mail, file and response, as README has them."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("\n## An example"):text.index("\n## Installation")]
    return re.findall(r"^```\n(.*?)^```", text, re.S | re.M)


@tap.test("R4.2 R4.3 R4.4 R4.5 README's example is what comes back")
def example(world):
    mail, table, shown = blocks()
    reference = re.search(r"(?m)^Batchload: (.*)$", mail).group(1)
    tap.contains(mail, "From: %s\nTo: %s\n" % (world.admin, world.batch_address))
    response = world.ask(csv=table, reference=reference)
    headers = "".join("%s: %s\n" % (name, response.mail[name])
                      for name in ("From", "To", "Subject", "Auto-Submitted"))
    files = "[attachments: %s]\n" % ", ".join(response.files)
    tap.equal(alike(headers + "\n" + response.text.rstrip() + "\n" + files), alike(shown),
              "response")


if __name__ == "__main__":
    tap.main(World)
