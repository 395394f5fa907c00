"""Files read: FITS images, exposures, tables, parquet. Never asks a registry.

The only importers of astropy and fitsio besides the demo.
"""
