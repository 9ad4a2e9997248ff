#include "lib/discovery/kube_access.h"

#include "lib/codec/base64.h"
#include "lib/codec/yaml.h"
#include "lib/sys/file.h"

#include <stdlib.h>

#define ACCESS_MAX_BYTES ((size_t)16 << 20)
#define FILE_MAX_BYTES ((size_t)4 << 20)
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* a terminated copy, NULL for no text; the arena is larger than all files together */
static const char *copy(struct kube_access *access, struct span text) {
    return text.len ? arena_strndup(&access->arena, text.ptr, text.len) : NULL;
}

static int read_file(struct kube_access *access, const char *path, struct span *text, struct err *err) {
    struct buf content;
    buf_init(&content, FILE_MAX_BYTES);
    int rc = file_read_all(file_system_real(), path, &content, err);
    if (!rc) {
        const char *kept = arena_strndup(&access->arena, content.data, content.len);
        *text = span_of(kept, content.len);
        if (!kept) rc = arena_limit(&access->arena, path, err);
    }
    if (content.data) explicit_bzero(content.data, content.len);
    buf_release(&content);
    return rc;
}

static void set_defaults(struct kube_access *access) {
    access->http = (struct http_client_config){.follow_redirects = true, .enable_http2 = true};
    access->http.tls_config = arena_zalloc(&access->arena, sizeof *access->http.tls_config);
}

static struct authorization_config *bearer(struct kube_access *access) {
    struct authorization_config *authorization = arena_zalloc(&access->arena, sizeof *authorization);
    authorization->type = "Bearer";
    access->http.authorization = authorization;
    return authorization;
}

/* ---- in a pod ---- */

static int open_in_cluster(struct kube_access *access, const char *folder, struct err *err) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    if (!host || !port || !*host || !*port)
        return err_set(err, ERR_NOT_FOUND,
                       "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
                       "KUBERNETES_SERVICE_PORT must be defined");
    set_defaults(access);
    access->url =
        arena_printf(&access->arena, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    access->http.tls_config->ca_file = arena_printf(&access->arena, "%s/ca.crt", folder);
    bearer(access)->credentials_file = arena_printf(&access->arena, "%s/token", folder);
    return 0;
}

/* ---- a kubeconfig file ---- */

/* the entry of that name in a list of {name: ..., <key>: {...}} */
static const struct ynode *named(const struct ynode *root, const char *list, const char *key,
                                 struct span name) {
    const struct ynode *items = ynode_at(root, list), *item;
    for (uint32_t i = 0; (item = ynode_item(items, i)); i++)
        if (name.len && span_equal(ynode_text_at(item, "name"), name)) return ynode_at(item, key);
    return NULL;
}

/* a path in the file is relative to its folder */
static const char *path_of(struct kube_access *access, const char *file, struct span path) {
    const char *slash = strrchr(file, '/');
    if (!path.len || path.ptr[0] == '/' || !slash) return copy(access, path);
    return arena_printf(&access->arena, "%.*s%.*s", (int)(slash + 1 - file), file, SPAN_ARG(path));
}

static int decode(struct kube_access *access, const struct ynode *map, const char *key, const char **text,
                  struct err *err) {
    struct buf bytes;
    struct span encoded = ynode_text_at(map, key);
    if (!encoded.len) return 0;
    buf_init(&bytes, FILE_MAX_BYTES);
    int rc = base64_read(encoded, &bytes, err);
    if (!rc) *text = copy(access, buf_view(&bytes));
    buf_release(&bytes);
    return rc ? err_wrap(err, rc, "%s", key) : 0;
}

static int set_cluster(struct kube_access *access, const char *file, const struct ynode *cluster,
                       struct err *err) {
    struct tls_config *tls = access->http.tls_config;
    struct span server = ynode_text_at(cluster, "server");
    if (!server.len) return err_set(err, ERR_INVALID, "the current context names no server");
    while (server.len && server.ptr[server.len - 1] == '/') server.len--;
    access->url = copy(access, server);
    tls->ca_file = path_of(access, file, ynode_text_at(cluster, "certificate-authority"));
    tls->server_name = copy(access, ynode_text_at(cluster, "tls-server-name"));
    tls->insecure_skip_verify = span_is(ynode_text_at(cluster, "insecure-skip-tls-verify"), "true");
    return decode(access, cluster, "certificate-authority-data", &tls->ca, err);
}

static int set_user(struct kube_access *access, const char *file, const struct ynode *user, struct err *err) {
    struct tls_config *tls = access->http.tls_config;
    struct span token = ynode_text_at(user, "token"), token_file = ynode_text_at(user, "tokenFile");
    struct span name = ynode_text_at(user, "username");
    if (ynode_at(user, "exec") || ynode_at(user, "auth-provider"))
        return err_set(err, ERR_UNSUPPORTED,
                       "users by exec or auth-provider are not supported: give a token or certificates");
    if (token_file.len)
        bearer(access)->credentials_file = path_of(access, file, token_file);
    else if (token.len)
        bearer(access)->credentials.text = copy(access, token);
    if (name.len) {
        access->http.basic_auth = arena_zalloc(&access->arena, sizeof *access->http.basic_auth);
        access->http.basic_auth->username = copy(access, name);
        access->http.basic_auth->password.text = copy(access, ynode_text_at(user, "password"));
    }
    tls->cert_file = path_of(access, file, ynode_text_at(user, "client-certificate"));
    tls->key_file = path_of(access, file, ynode_text_at(user, "client-key"));
    int rc = decode(access, user, "client-certificate-data", &tls->cert, err);
    return rc ? rc : decode(access, user, "client-key-data", &tls->key.text, err);
}

static int open_kubeconfig(struct kube_access *access, const char *path, struct err *err) {
    struct span text;
    struct ymark where;
    const struct ynode *root = NULL;
    int rc = read_file(access, path, &text, err);
    if (!rc) rc = ynode_parse(text, &access->arena, &root, &where, err);
    if (rc) return rc;
    set_defaults(access);
    const struct ynode *context = named(root, "contexts", "context", ynode_text_at(root, "current-context"));
    if (!context) return err_set(err, ERR_INVALID, "no context of the name in current-context");
    rc =
        set_cluster(access, path, named(root, "clusters", "cluster", ynode_text_at(context, "cluster")), err);
    const struct ynode *user = named(root, "users", "user", ynode_text_at(context, "user"));
    return rc || !user ? rc : set_user(access, path, user, err);
}

/* ---- all ---- */

static int read_own_namespace(struct kube_access *access, const char *folder, struct err *err) {
    struct span text = {0};
    const char *path = arena_printf(&access->arena, "%s/namespace", folder);
    int rc = read_file(access, path, &text, err);
    while (!rc && text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == ' ')) text.len--;
    if (!rc) access->own_namespace = copy(access, text);
    return rc;
}

static int open_api_server(struct kube_access *access, const struct kubernetes_sd_config *config) {
    struct span url = span_from(config->api_server);
    while (url.len && url.ptr[url.len - 1] == '/') url.len--;
    access->url = copy(access, url);
    return 0;
}

int kube_access_open(const struct kubernetes_sd_config *config, const char *service_account,
                     struct kube_access *access, struct err *err) {
    const char *folder = service_account ? service_account : SERVICE_ACCOUNT;
    *access = (struct kube_access){0};
    arena_init(&access->arena, ACCESS_MAX_BYTES, NULL);
    int rc = config->api_server        ? open_api_server(access, config)
             : config->kubeconfig_file ? open_kubeconfig(access, config->kubeconfig_file, err)
                                       : open_in_cluster(access, folder, err);
    if (rc && config->kubeconfig_file) err_wrap(err, rc, "kubeconfig \"%s\"", config->kubeconfig_file);
    if (!rc && config->namespaces && config->namespaces->own_namespace)
        rc = read_own_namespace(access, folder, err);
    if (rc) kube_access_close(access);
    return rc;
}

void kube_access_close(struct kube_access *access) {
    arena_release(&access->arena);
    access->url = NULL;
}
