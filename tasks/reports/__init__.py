"""What people and catalogues read of a release: pages, the dataset card, and its Croissant description.

Plain functions from records to text: they open no file of data and know no Prefect.
"""
