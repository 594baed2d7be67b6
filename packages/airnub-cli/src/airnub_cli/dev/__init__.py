"""`airnub dev`: run the whole system on a laptop without Docker.

supervisor    starts, deploys to, watches and stops services; watches files; output of all services
services      the command and environment of each service, and its running process
deployer      the process that applies, compiles and deploys, quickly each time
sample_sites  the process that serves the sample data of all departments
state         the state folder, locked for one process at a time; ports; log files
postgresql    programs of PostgreSQL, and its cluster
command       `airnub dev`
"""
