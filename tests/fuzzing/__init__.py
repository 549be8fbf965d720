"""What reads foreign text, fed with whatever hypothesis can think of.

Each test draws the same few hundred examples each time, in seconds. PROPERTY_EXAMPLES=100000 looks for others, as long
as that takes, and makes the one that fails as short as it can. `make faults ONLY=foreign-text-breaks-nothing` does so
for ten minutes, and sends such texts to a real server too (`sending.py`).
"""
