// A TensorFlow Lite delegate for tests: takes the operations of the kind that its option "take" names by number, and
// answers with zeros. The declarations are those of TensorFlow Lite's C API, cut after what is used here.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct {
  int type;
  void *data;
  IntArray *dims;
  float scale;
  int32_t zero_point;
  int allocation_type;
  size_t bytes;
  void *allocation, *name, *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  int quantization_type;
  void *quantization, *sparsity, *dims_signature;
} Tensor;
typedef struct Delegate Delegate;
typedef struct Context Context;
typedef struct { IntArray *inputs, *outputs; } Node;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *external, *async_kernel;
  uint64_t inplace_operator;
} Registration;
struct Context {
  size_t tensors_size;
  int (*GetExecutionPlan)(Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  void *ResizeTensor, *ReportError, *AddTensors;
  int (*GetNodeAndRegistration)(Context *, int, Node **, Registration **);
  int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
};
struct Delegate {
  void *data;
  int (*Prepare)(Context *, Delegate *);
  void *CopyFromBufferHandle, *CopyToBufferHandle, *FreeBufferHandle;
  int64_t flags;
  void *opaque_builder;
};

static int ready(Context *context, Node *node) { return 0; }

static int zeros(Context *context, Node *node) {
  for (int i = 0; i < node->outputs->size; i++) {
    Tensor *tensor = &context->tensors[node->outputs->data[i]];
    memset(tensor->data, 0, tensor->bytes);
  }
  return 0;
}

static int prepare(Context *context, Delegate *delegate) {
  IntArray *plan;
  if (context->GetExecutionPlan(context, &plan)) return 1;
  IntArray *taken = malloc(sizeof(IntArray) + plan->size * sizeof(int));
  taken->size = 0;
  for (int i = 0; i < plan->size; i++) {
    Node *node;
    Registration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) return 1;
    if (registration->builtin_code == (int)(intptr_t)delegate->data) taken->data[taken->size++] = plan->data[i];
  }
  int status = 0;
  if (taken->size) {
    Registration kernel = {.prepare = ready, .invoke = zeros, .custom_name = "Zeros", .version = 1};
    status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, taken, delegate);
  }
  free(taken);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  intptr_t kind = -1;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "take")) {
      report("unknown option: ");
      report(keys[i]);
      return NULL;
    }
    kind = atoi(values[i]);
  }
  Delegate *delegate = calloc(1, sizeof(Delegate));
  delegate->data = (void *)kind;
  delegate->Prepare = prepare;
  delegate->flags = 0;
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
