/* What sites may run: the release root, statements, delegations. */
#include <string.h>

#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

an_root an_hub_root(const an_hub *hub)
{
    an_root root = {.number = 0};
    memcpy(root.key, hub->conf.root_public ? hub->conf.root_public : hub->conf.sign_public, sizeof root.key);
    return root;
}

bool an_hub_root_is_online(const an_hub *hub)
{
    const an_root root = an_hub_root(hub);
    return an_secret_equal(root.key, hub->conf.sign_public, sizeof root.key);
}
