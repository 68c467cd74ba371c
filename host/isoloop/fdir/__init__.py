"""Pages that are generated from what the firmware says of its own faults."""
