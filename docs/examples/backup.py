"""backup.py - copies a store while its agent runs. Python's own library alone.

  python3 backup.py STORE COPY        again into the same COPY: only what is new; run it as the agent's user or root

live.db and state.db are copied by SQLite's own backup, each as it was at one instant, and take the place of older copies
when they are whole. Day files never change: those that are there already are left alone. live.db comes first: a day that
is closed meanwhile is then in both, and the store shows it once. Bodies of webhooks that wait (STORE/inbox) come along.
Days that the agent's retention has removed are removed from the copy as well.

SPDX-License-Identifier: Apache-2.0
"""
import os
import shutil
import sqlite3
import sys


def copy_database(source, target):
    new = target + ".new"
    if os.path.exists(new):
        os.unlink(new)
    # A connection of its own lock: the agent goes on writing, and what it writes meanwhile is not in the copy.
    with sqlite3.connect("file:%s?mode=ro" % source.replace("?", "%3f").replace("#", "%23"), uri=True) as from_:
        with sqlite3.connect(new) as to:
            from_.backup(to)
    from_.close()
    to.close()
    sync(new)
    os.replace(new, target)


def copy_file(source, target):
    new = target + ".new"
    shutil.copyfile(source, new)
    sync(new)
    os.replace(new, target)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main(store, copy):
    os.umask(0o077)
    os.makedirs(copy, exist_ok=True)
    if os.path.exists(os.path.join(copy, "store.lock")):
        sys.exit("backup.py: %s is the store of an agent, no copy" % copy)
    for name in ("live.db", "state.db"):
        copy_database(os.path.join(store, name), os.path.join(copy, name))
    days = [n for n in os.listdir(store) if n.startswith("d-") and n.endswith(".db")]
    fresh = 0
    for name in days:
        if not os.path.exists(os.path.join(copy, name)):
            try:
                copy_file(os.path.join(store, name), os.path.join(copy, name))
                fresh += 1
            except FileNotFoundError:
                pass  # its retention was over just now
    for name in os.listdir(copy):
        if name.startswith("d-") and name not in days:
            os.unlink(os.path.join(copy, name))
    inbox = os.path.join(store, "inbox")
    shutil.rmtree(os.path.join(copy, "inbox"), ignore_errors=True)
    if os.path.isdir(inbox):
        shutil.copytree(inbox, os.path.join(copy, "inbox"), copy_function=copy_if_there)
    sync(copy)
    print("%s: live.db, state.db, %d days, %d of them new" % (copy, len(days), fresh))


def copy_if_there(source, target):
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        pass  # it was read just now
    return target


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(sys.argv[1], sys.argv[2])
