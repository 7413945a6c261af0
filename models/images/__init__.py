"""Models of images: the parts that they share, and a file for each of them.

Shapes, beside those of `models`:

    n  images of a batch       h, w  height and width
    c  channels                P     features of a row's other columns
"""
