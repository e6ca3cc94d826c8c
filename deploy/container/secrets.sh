#!/bin/sh
# Makes the secrets of compose.yaml in deploy/container/secrets, once: a password of the database, the coordinator's address
# of it, and a token of the sites' pages.  As root, since the users within the containers must read them.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
[ -e secrets/database ] || { od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >secrets/database; }
[ -e secrets/store ] || printf 'host=/run/postgresql dbname=andon user=andon password=%s\n' "$(cat secrets/database)" >secrets/store
[ -e secrets/api ] || { od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >secrets/api; }
# compose mounts them as they are: owner and group are those of the images.
chown root:999 secrets/database && chmod 440 secrets/database
chown root:850 secrets/store && chmod 440 secrets/store
chown root:851 secrets/api && chmod 440 secrets/api
