def check(): pass
def write(*a, **k): pass
