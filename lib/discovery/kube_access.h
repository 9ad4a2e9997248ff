#pragma once
/*
 * kube_access.h - inside of lib/discovery: where a Kubernetes API server is, and by what one is let in.
 *
 *     api_server given       the URL, with the configuration's HTTP options
 *     kubeconfig_file given  its current context: cluster and user (tokens, certificates, basic auth)
 *     neither                the pod we run in: KUBERNETES_SERVICE_HOST and _PORT, and the service account
 */
#include "lib/base/arena.h"
#include "lib/config/discovery.h"

struct kube_access {
    struct arena arena;             /* of all below */
    const char *url;                /* without a slash at the end */
    struct http_client_config http; /* not used with api_server: the configuration's is */
    const char *own_namespace;      /* NULL when it is not wanted */
};

/* service_account: folder of token, ca.crt and namespace; NULL: where Kubernetes puts it */
int kube_access_open(const struct kubernetes_sd_config *config, const char *service_account,
                     struct kube_access *access, struct err *err);
void kube_access_close(struct kube_access *access);
