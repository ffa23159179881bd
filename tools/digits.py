"""Packs the handwritten digits that come with the package into src/datasets/digits-packed.ts.

    /usr/bin/python3 tools/digits.py            writes the file
    /usr/bin/python3 tools/digits.py --check    fails if the file is stale

The source is digits.csv.gz of scikit-learn (Debian: python3-sklearn), a copy of the test set of "Optical Recognition of Handwritten Digits":
1,797 rows of 64 levels from 0 to 16 and a class. The rows are shuffled and split here, once and for all: the original order goes writer by
writer. CREDITS.md has the credit, src/datasets/digits.ts the decoder and what is stored.
"""

import base64
import gzip
import hashlib
import importlib.util
import pathlib
import random
import sys

SEED = 0
TEST = 360
PER_CLASS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
OUTPUT = pathlib.Path(__file__).parent.parent / "src" / "datasets" / "digits-packed.ts"


def read_rows():
    package = importlib.util.find_spec("sklearn")
    if package is None:
        sys.exit("digits.py: scikit-learn is not installed: apt install python3-sklearn, and use /usr/bin/python3.")
    source = pathlib.Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(source, "rt") as file:
        rows = [[int(float(value)) for value in line.split(",")] for line in file]
    assert all(len(row) == 65 and all(0 <= level <= 16 for level in row[:64]) for row in rows)
    assert [sum(row[64] == digit for row in rows) for digit in range(10)] == PER_CLASS
    return rows


def split(rows):
    """The training rows, then the test rows; the test set has each class in its share, the largest remainders rounded up."""
    shuffle = random.Random(SEED).shuffle
    shares = [count * TEST / len(rows) for count in PER_CLASS]
    sizes = [int(share) for share in shares]
    for digit in sorted(range(10), key=lambda digit: sizes[digit] - shares[digit])[: TEST - sum(sizes)]:
        sizes[digit] += 1
    train, test = [], []
    for digit, size in enumerate(sizes):
        group = [row for row in rows if row[64] == digit]
        shuffle(group)
        test += group[:size]
        train += group[size:]
    shuffle(train)
    shuffle(test)
    return train, test


class Model:
    """How often a 0 and a 1 came at each node of each context; the same in the decoder."""

    def __init__(self):
        self.seen = {}

    def share(self, width, cell):
        zeros, ones = self.seen.get(cell, (0, 0))
        return width * (2 * zeros + 1) // (2 * (zeros + ones) + 2)

    def learn(self, cell, bit):
        zeros, ones = self.seen.get(cell, (0, 0))
        self.seen[cell] = (zeros + 1 - bit, ones + bit)


def context(row, column):
    left = row[column - 1] if column % 8 else 0
    above = row[column - 8] if column >= 8 else 0
    return (column * 4 + (left + 6) // 7) * 4 + (above + 6) // 7


def pack(rows):
    model, out, low, high = Model(), bytearray(), 0, 0xFFFFFFFF
    for row in rows:
        for column, value in enumerate(row):
            node = 1
            for place in (4, 3, 2, 1, 0):
                cell, bit = context(row, column) * 32 + node, value >> place & 1
                middle = low + model.share(high - low, cell)
                low, high = (middle + 1, high) if bit else (low, middle)
                model.learn(cell, bit)
                node = node * 2 + bit
                while low >> 24 == high >> 24:
                    out.append(high >> 24)
                    low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255
    return bytes(out) + high.to_bytes(4, "big")


def unpack(data, count):
    model, low, high, at, rows = Model(), 0, 0xFFFFFFFF, 4, []
    code = int.from_bytes(data[:4], "big")
    for _ in range(count):
        row = []
        for column in range(65):
            node = 1
            for _ in range(5):
                cell = context(row, column) * 32 + node
                middle = low + model.share(high - low, cell)
                bit = int(code > middle)
                low, high = (middle + 1, high) if bit else (low, middle)
                model.learn(cell, bit)
                node = node * 2 + bit
                while low >> 24 == high >> 24:
                    low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255
                    code = code << 8 & 0xFFFFFFFF | data[at]
                    at += 1
            row.append(node - 32)
        rows.append(row)
    return rows


def main():
    train, test = split(read_rows())
    data = pack(train + test)
    assert unpack(data, len(train) + len(test)) == train + test
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[at : at + 136] for at in range(0, len(text), 136))
    file = f"""/** Made by tools/digits.py: the levels and classes of the digits, as `unpack` in digits.ts reads them, in base64. */
export const packed = `
{lines}
`
"""
    if "--check" in sys.argv:
        if OUTPUT.read_text() != file:
            sys.exit(f"digits.py: {OUTPUT.name} is stale. Run tools/digits.py.")
        return
    OUTPUT.write_text(file)
    for name, rows in (("train", train), ("test", test)):
        print(name, len(rows), [sum(row[64] == digit for row in rows) for digit in range(10)])
    print(len(data), "bytes,", len(text), "in base64; sha256 of the rows:", hashlib.sha256(bytes(sum(train + test, []))).hexdigest())


main()
