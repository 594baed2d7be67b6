"""The worker process, which starts the runs of a work pool; `__main__` is its command.

drain              SIGTERM: take no new run, wait for running ones, exit
docker_worker      workers of Docker pools
docker_containers  the containers of runs: their exits, and containers that were never started
subflows           crashes subflow runs whose parent has ended
metrics            Prometheus metrics, and events of full disks
"""
