# ruff: noqa: B023, E741, F821, UP028 - it shadows, closes over loops and says things the long way on purpose
"""What the image's MicroPython answers in its loop, from all sides: run by CPython and by the image's interpreter, it prints the same."""

from array import array


def told(name, call):
    try:
        print(name, call())
    except Exception as error:
        print(name, type(error).__name__)


# Attributes: set, deleted, hidden, replaced in the class
class Valve:
    kind = 1

    def turn(self):
        return "class"

    def other(self):
        return "other"

    @staticmethod
    def still():
        return "static"

    @classmethod
    def of_class(cls):
        return cls.__name__

    @property
    def double(self):
        return 2 * self.half


valve = Valve()
valve.half = 21
print(valve.turn(), valve.other(), valve.still(), valve.of_class(), valve.double)
valve.turn = lambda: "instance"
print(valve.turn(), Valve().turn())
del valve.turn
print(valve.turn(), hasattr(valve, "half"))
del valve.half
told("gone", lambda: valve.half)
print(hasattr(valve, "half"))


def delete_again():
    del valve.half


told("deleted twice", delete_again)
valve.half = 4
print(valve.half)
Valve.turn = lambda self: "new class"
print(valve.turn())
Valve.fresh = lambda self: "fresh"
print(valve.fresh())


class Deeper(Valve):
    def other(self):
        return "deeper " + super().other()


deeper = Deeper()
print(deeper.turn(), deeper.other())
deeper.other = lambda: "mine"
print(deeper.other())


class Setter:
    def method(self):
        return "class"

    def __setattr__(self, name, value):
        super().__setattr__(name, value)


setter = Setter()
setter.method = lambda: "instance"
print(setter.method())


class Getter:
    def __getattr__(self, name):
        return name + "?"


print(Getter().anything)

# Elements
for kind in ("b", "B", "h", "H", "i", "I"):
    values = array(kind, [1, 2, 3])
    view = memoryview(values)[1:]
    view[0] = 7
    print(kind, values[1], view[0], values[-1], view[-1], values[True])
    told("beyond", lambda values=values: values[3])
    told("view beyond", lambda view=view: view[2])
    told("no index", lambda values=values: values["1"])
    told("half", lambda values=values: values[0.5])
data = bytearray(b"abc")
data[1] = 255
print(data, memoryview(data)[1], bytes(data)[1])


def write(found):
    found[0] = 1


told("read only", lambda: write(memoryview(b"abc")))
wide = array("i", [0x7FFFFFFF, -0x80000000, 0x3FFFFFFF, 0x40000000])
print(wide[0], wide[1], wide[2], wide[3], wide[0] + 1, wide[1] - 1)
wide[0] = -5
print(wide[0], (1, 2, 3)[-1], (4, 5)[0])
told("tuple", lambda: (1, 2)[2])
told("tuple is fixed", lambda: write((1, 2)))

# Small integers and their limits
edges = (0, 1, -1, 2, 7, -7, 30, 0x3FFF, 0x4000, -0x4000, -0x4001, 0x3FFFFFFF, 0x40000000, -0x40000000, -0x40000001, True, False)
total = 0
for a in edges:
    for b in edges:
        found = [a + b, a - b, a * b, a & b, a | b, a < b, a <= b, a == b, a != b, a > b, a >= b]
        if b:
            found += [a // b, a % b]
        if 0 <= b < 64:
            found += [a >> b, a << b]
        for x in found:
            total = (total * 31 + int(x)) % 1000000007
told("by nothing", lambda: 1 // (edges[0]))
told("modulo nothing", lambda: 1 % (edges[0]))
told("shift back", lambda: 1 >> (edges[2]))
print(total)


# Calls
def plain(a, b, c, d, e, f, g, h):
    return a + b * c - d + e * f - g + h


def many(a):
    b = c = d = e = f = g = h = i = j = k = l = m = n = o = p = q = r = s = t = a
    return [b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]


def defaults(a, b=2, *rest, c=3, **named):
    return a, b, rest, c, sorted(named.items())


def nested(x):
    try:
        try:
            return 1 // x
        finally:
            print("finally")
    except ZeroDivisionError:
        return "zero"


def closure(x):
    def inner(y):
        nonlocal x
        x += y
        return x

    return inner


def generator(n):
    for i in range(n):
        yield i


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


print(plain(1, 2, 3, 4, 5, 6, 7, 8), sum(many(3)), defaults(1), defaults(1, 5, 6, c=7, z=8), nested(0), nested(2))
add = closure(5)
print(add(1), add(2), list(generator(4)), deep(8))
told("too few", lambda: plain(1))
told("too many", lambda: nested(1, 2))
told("by a name", lambda: nested(y=1))
print(nested(x=4))


# Exceptions, where truth and jumps may raise
class Untrue:
    def __bool__(self):
        raise ValueError


def asks(x):
    try:
        raise KeyError
    except KeyError:
        if x:
            return 1
    return 2


class Stops:
    def __bool__(self):
        raise StopIteration


def counts(found):
    n = 0
    for x in found:
        if x:
            n += 1
    return n


told("untrue", lambda: asks(Untrue()))
told("stops", lambda: counts([1, 2, Stops(), 3]))
print(counts([0, 1, "", "a", (), (0,), 0.0, None, True, False, [], {}, -1]))

# Names: shadowed, deleted, many, again


def max(*found):
    return "shadowed"


print(max(1, 2))
del max
print(max(1, 2))
names = {}
for i in range(200):
    names[f"n{i}"] = i
    if i % 3 == 0:
        del names[f"n{i // 2}"]
        names[f"n{i // 2}"] = -i
print(sum(names.values()), len(names))
for turn in range(300):

    class Passing:
        def who(self):
            return turn

    passing = Passing()
    passing.a = turn
    if turn % 7 == 0:
        passing.who = lambda: -turn
    assert passing.who() == (-turn if turn % 7 == 0 else turn)
    assert passing.a == turn
print("done")
