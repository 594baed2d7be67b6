"""Kubernetes: the manifests of `infra/kubernetes/`, filled in for an environment.

rendering  what is written there once, and a worker for each active department
command    `airnub kubernetes`
"""
