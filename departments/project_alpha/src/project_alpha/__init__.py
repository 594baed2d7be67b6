"""project_alpha, the example department: weather and earthquakes, ingested, processed and analysed."""
