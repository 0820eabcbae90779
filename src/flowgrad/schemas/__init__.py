"""The columns of every table that stages hand to each other, and the kinds of artifacts: a module each, so that a
change of one is in no digest of what reads another.
"""
