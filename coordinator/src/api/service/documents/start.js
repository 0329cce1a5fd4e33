// Shows the document that this very address gives as YAML.
window.SwaggerUIBundle({
  url: window.location.pathname,
  dom_id: "#document",
  deepLinking: true,
  docExpansion: "none",
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (request.loadSpec) {
      request.headers.Accept = "application/x-yaml";
    }
    return request;
  },
});
