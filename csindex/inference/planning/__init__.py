"""Planning a survey: power, precision and sample sizes."""
