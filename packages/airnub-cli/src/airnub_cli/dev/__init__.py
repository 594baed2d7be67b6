"""`airnub dev`: the whole system on a laptop without Docker: server and UI, sample site, a worker per department.

supervisor    the order: started, deployed, watched, ended; which files changed; the output of all services
services      which services there are, their commands and environments; one while it runs
process_tree  a process and all that it started, ended; the watchdog that does so when `airnub dev` was killed
deployer      the process that applies, compiles and deploys, quickly each time
sample_sites  the process that serves the sample data of all departments
state         the folder where it all lies, for one at a time; ports
postgresql    PostgreSQL that is found on the machine or in the extra, and its cluster
log_file      a log file for what would hide other output
command       `airnub dev`
"""
