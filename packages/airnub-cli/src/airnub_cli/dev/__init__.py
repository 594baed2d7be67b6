"""The whole system on a laptop without Docker: server and UI, the sample site, a worker per department, all up to date.

command    `airnub dev`
running    the order of things: started, deployed, watched, ended
parts      which processes there are, and what each is told
process    one of them: its lines, its end
ending     a process and all that it started, ended
guard      ends all parts when `airnub dev` itself was killed
deploying  the process that applies, compiles and deploys, quickly each time
site       the process that serves the sample data of all departments
state      the folder where it all lies, for one at a time; ports
changes    which files changed
view       lines of all parts, with names in front
"""
