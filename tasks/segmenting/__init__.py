"""The parts of `tasks.segment` and `tasks.segment_image`: what is asked, how rows are told apart, how that is said."""
