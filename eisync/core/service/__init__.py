"""What is written for the service manager of each system, so that eisync runs on a lab PC while its user is there."""
