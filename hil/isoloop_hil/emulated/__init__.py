"""A rig and a board under test, both emulated and wired to each other: for trying and testing all of this without either."""
