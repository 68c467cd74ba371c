"""The ground side of the wire: COBS frames, space packets, PUS reports."""
