package steps

import (
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

func systemDepartments(Config) operation {
	fields := []workflows.Field{
		{Name: "id", Type: integerType(), APIName: "departid", Description: "its id"},
		{Name: "name", Type: textType(), APIName: "departname", Description: "its name"},
	}
	return operation{
		name: "system.departments", id: youmi.OperationGetDepartList, effect: workflows.EffectRead,
		summary: "The departments (获取部门列表).",
		outputs: []workflows.Field{{Name: "departments", Type: listType(objectType(fields)), APIName: "values", Description: "each with id and name", Fields: fields}},
		assumed: map[string]any{"departments": []any{}},
		read:    departments,
		example: `uses: system.departments
`,
	}
}

// departments reads the documented answer (api-84466055).
func departments(outputs map[string]any) error {
	found := []any{}
	list, _ := outputs["values"].([]any)
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			found = append(found, map[string]any{"id": object["departid"], "name": object["departname"]})
		}
	}
	outputs["departments"] = found
	return nil
}

func departmentParam() param {
	return wholeParam("department", "departId", "the department's id (部门); default -1, all").or(-1)
}

func systemGroups(Config) operation {
	return operation{
		name: "system.groups", id: youmi.OperationGetDepartGroupList, effect: workflows.EffectRead,
		summary: "The groups of a department (根据部门获得组).",
		params:  []param{departmentParam()},
		example: `uses: system.groups
with:
  department: 1
`,
	}
}

func systemGroupStaff(Config) operation {
	return operation{
		name: "system.group_staff", id: youmi.OperationGetStaffList, effect: workflows.EffectRead,
		summary: "The staff of a group (根据组获得员工).",
		params: []param{
			departmentParam(),
			wholeParam("group", "departGroupId", "the group's id (组); default -1, all").or(-1),
			bitParam("include_disabled", "staffState", "whether disabled staff count too; default false").or(0),
		},
		example: `uses: system.group_staff
with:
  department: 1
  include_disabled: true
`,
	}
}

func systemStaff(Config) operation {
	return operation{
		name: "system.staff", id: youmi.OperationGetAllStaffList, effect: workflows.EffectRead,
		summary: "All staff (获得员工列表).",
		params:  []param{bitParam("include_disabled", "staffState", "whether disabled staff count too")},
		example: `uses: system.staff
`,
	}
}
