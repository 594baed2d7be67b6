"""`airnub upgrade`: the system of docker-compose.yml becomes what the checkout and `.env` say, and runs go on."""
