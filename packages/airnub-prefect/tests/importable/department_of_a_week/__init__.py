"""A department with an ingestion and a processing, for the test of a week of deliveries."""
