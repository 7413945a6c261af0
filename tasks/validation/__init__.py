"""What Great Expectations lacks: rules judged exactly, and repeats found over a whole file in bounded memory."""
