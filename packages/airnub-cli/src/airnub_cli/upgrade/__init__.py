"""`airnub upgrade`: the system of docker-compose.yml becomes what the checkout and `.env` say, and runs go on.

compose   what runs, and what would
plan      the steps, what is lost and what is refused
command   `airnub upgrade`
"""
