"""Words: a stage's state as named places in its array, so that it can be voted, saved and bit-flipped like any other array."""


def word(index):
    """A property of a class whose instances hold their state in .words: place `index` of it. For readers outside the hot path."""

    def get(self):
        return self.words[index]

    def put(self, value):
        self.words[index] = value

    return property(get, put)
