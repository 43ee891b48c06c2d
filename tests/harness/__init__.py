# SPDX-License-Identifier: MIT
"""Private servers for the tests and the demo. Python 3, standard library only."""

from .mail import (Mailbox, Response, Sent, attachment, message_id, multipart, send, table,
                   text_part)
from .milter import MemoryPeak, Milter, Tree
from .process import (HarnessError, MissingError, Nursery, handle_signals, run, wait_for, which,
                      write)
from .servers import Dovecot, Postfix, Slapd, parse_ldif, salted
from .world import World, address_of, message_id_of
